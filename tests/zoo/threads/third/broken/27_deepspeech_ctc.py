# small conv + gru acoustic model with CTC
import torch
import torch.nn as nn

torch.manual_seed(18)
LABELS = "_ABCDEFGH"
FREQ = 16


class DeepSpeechMini(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(FREQ, 24, 5, stride=2, padding=2), nn.Hardtanh(0, 20),
            nn.Conv1d(24, 24, 3, stride=1, padding=1), nn.Hardtanh(0, 20))
        self.rnn = nn.GRU(24, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, len(LABELS))

    def forward(self, spect, lengths):
        x = self.conv(spect)
        output_lengths = self.get_seq_lens(lengths)
        h, _ = self.rnn(x.transpose(1, 2))
        return self.fc(h).transpose(0, 1).log_softmax(-1), output_lengths

    def get_seq_lens(self, input_length):
        seq_len = input_length
        for m in self.conv:
            if isinstance(m, nn.Conv1d):
                seq_len = torch.div(seq_len, m.kernel_size[0], rounding_mode="floor")
        return seq_len.clamp(min=1).int()


def utterances(b=8, n_chars=5, frames_per_char=6):
    targets = torch.stack([torch.randperm(len(LABELS) - 1)[:n_chars] + 1 for _ in range(b)])
    frames = targets.repeat_interleave(frames_per_char, dim=1)
    spect = 0.2 * torch.randn(b, FREQ, n_chars * frames_per_char)
    spect.scatter_add_(1, frames.unsqueeze(1), torch.ones(b, 1, frames.size(1)))
    lens = torch.full((b,), frames.size(1))
    return spect, lens, targets, torch.full((b,), n_chars)


def greedy(log_probs):
    out = []
    for ids in log_probs.argmax(-1).t().tolist():
        prev, s = None, ""
        for c in ids:
            if c != prev and c != 0:
                s += LABELS[c]
            prev = c
        out.append(s)
    return out


model = DeepSpeechMini()
criterion = nn.CTCLoss(blank=0, reduction="sum", zero_infinity=True)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0)
avg_loss = 0.0
for i in range(30):
    spect, lens, targets, target_sizes = utterances()
    out, output_sizes = model(spect, lens)
    loss = criterion(out, targets, output_sizes, target_sizes) / spect.size(0)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 400)
    optimizer.step()
    avg_loss += loss.item()
    if i % 10 == 9:
        print(f"[{i + 1}/30] Loss {loss.item():.4f} ({avg_loss / (i + 1):.4f})")
print(greedy(out)[:2], ["".join(LABELS[c] for c in t) for t in targets[:2].tolist()])
