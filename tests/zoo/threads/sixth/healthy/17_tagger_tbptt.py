"""Tag long token streams with truncated back-propagation; the state flows on between windows."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(27)
VOCAB, DIM, HIDDEN, TAGS, WINDOW, IGNORE = 30, 24, 48, 4, 20, -1


def stream(length):
    ids = torch.randint(1, VOCAB, (length,))
    switch = ids <= 4
    tags, state = torch.empty(length, dtype=torch.long), 0
    for t in range(length):
        if switch[t]:
            state = int(ids[t]) - 1
        tags[t] = state
    return ids, tags


def batch_of_streams(n, max_len):
    lengths = torch.randint(max_len // 2, max_len + 1, (n,)).sort(descending=True).values
    lengths[0] = max_len
    ids = torch.zeros(n, max_len, dtype=torch.long)
    tags = torch.full((n, max_len), IGNORE)
    for i, length in enumerate(lengths.tolist()):
        ids[i, :length], tags[i, :length] = stream(length)
    return ids, tags, lengths


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, DIM, padding_idx=0)
        self.lstm = nn.LSTM(DIM, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, TAGS)

    def forward(self, ids, lengths, state):
        packed = pack_padded_sequence(self.emb(ids), lengths, batch_first=True)
        h, state = self.lstm(packed, state)
        h, _ = pad_packed_sequence(h, batch_first=True, total_length=ids.size(1))
        return self.out(h), state


model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for it in range(20):
    ids, tags, lengths = batch_of_streams(32, 100)
    state, losses = None, []
    hits, count = 0, 0
    for start in range(0, ids.size(1), WINDOW):
        left = (lengths - start).clamp(0, WINDOW)
        active = int((left > 0).sum())
        if state is not None:
            state = tuple(s[:, :active].detach().contiguous() for s in state)
        window = slice(start, start + WINDOW)
        target = tags[:active, window]
        logits, state = model(ids[:active, window], left[:active], state)
        loss = F.cross_entropy(logits.reshape(-1, TAGS), target.reshape(-1), ignore_index=IGNORE)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        valid = target != IGNORE
        hits += (logits.argmax(-1) == target)[valid].sum().item()
        count += int(valid.sum())
    if it % 4 == 3:
        print(f"batch {it + 1:2d} windows {len(losses)} loss {sum(losses) / len(losses):.4f} "
              f"accuracy {hits / count:.3f}")
