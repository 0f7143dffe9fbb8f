import torch
import torch.nn as nn

torch.manual_seed(2)
N_CHAR = 6
BLANK = N_CHAR
FRAMES, MAX_LEN, FEAT = 18, 4, 10
NEG = -1e30

glyph = torch.randn(N_CHAR, FEAT) * 1.5


def make_lines(n):
    x = 0.3 * torch.randn(n, FRAMES, FEAT)
    y = torch.zeros(n, MAX_LEN, dtype=torch.long)
    lens = torch.randint(2, MAX_LEN + 1, (n,))
    for i in range(n):
        pos = torch.randint(0, 3, ()).item()
        for j in range(lens[i]):
            y[i, j] = torch.randint(0, N_CHAR, ())
            width = torch.randint(2, 4, ()).item()
            x[i, pos:pos + width] += glyph[y[i, j]]
            pos += width + 1
    return x, y, lens


def ctc_loss(log_probs, targets, target_lens, blank=0):
    """log_probs (T, N, C), targets (N, S); returns the mean negative log likelihood."""
    T, N, C = log_probs.shape
    S = targets.shape[1]
    ext = torch.zeros(N, 2 * S + 1, dtype=torch.long)
    ext[:, 1::2] = targets
    can_skip = torch.zeros_like(ext, dtype=torch.bool)
    can_skip[:, 3::2] = targets[:, 1:] != targets[:, :-1]

    emit = log_probs.gather(2, ext.unsqueeze(0).expand(T, -1, -1))
    neg = torch.full((N, 1), NEG)
    alpha = torch.cat([emit[0, :, :2], torch.full((N, 2 * S - 1), NEG)], dim=1)
    for t in range(1, T):
        shift1 = torch.cat([neg, alpha[:, :-1]], dim=1)
        shift2 = torch.cat([neg, neg, alpha[:, :-2]], dim=1)
        shift2 = torch.where(can_skip, shift2, torch.full_like(shift2, NEG))
        alpha = torch.logsumexp(torch.stack([alpha, shift1, shift2]), dim=0) + emit[t]
    last = 2 * target_lens.unsqueeze(1)
    ends = torch.cat([alpha.gather(1, last), alpha.gather(1, last - 1)], dim=1)
    return -torch.logsumexp(ends, dim=1).mean()


def greedy(log_probs, blank):
    best = log_probs.argmax(2).t()
    out = []
    for row in best:
        row = torch.unique_consecutive(row)
        out.append([c for c in row.tolist() if c != blank])
    return out


class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(FEAT, 32, 3, padding=1)
        self.rnn = nn.GRU(32, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, N_CHAR + 1)

    def forward(self, x):
        h = torch.relu(self.conv(x.transpose(1, 2))).transpose(1, 2)
        h, _ = self.rnn(h)
        return self.out(h).log_softmax(-1).transpose(0, 1)


model = Recognizer()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
x_test, y_test, l_test = make_lines(200)

for step in range(260):
    x, y, lens = make_lines(32)
    loss = ctc_loss(model(x), y, lens, blank=BLANK)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 40 == 39:
        with torch.no_grad():
            hyp = greedy(model(x_test), BLANK)
        right = sum(h == y_test[i, :l_test[i]].tolist() for i, h in enumerate(hyp))
        print(f"step {step + 1} loss {loss.item():.3f} exact match {right / len(hyp):.3f}")
print("sample", hyp[0], "reference", y_test[0, :l_test[0]].tolist())
