"""Frame-level audio tagger on padded recordings: truncated BPTT with a carried, detached state."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(8)
BINS, CHUNK, CLASSES, IGNORE = 12, 15, 3, -100


class Tagger(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.front = nn.Sequential(nn.Linear(BINS, 32), nn.ReLU())
        self.rnn = nn.GRU(32, hidden, batch_first=True)
        self.head = nn.Linear(hidden, CLASSES)

    def forward(self, x, state):
        out, state = self.rnn(self.front(x), state)
        return self.head(out), state


def recording(length):
    """The label of a frame is the most recent marker that was heard."""
    x = 0.5 * torch.randn(length, BINS)
    y = torch.zeros(length, dtype=torch.long)
    current = 0
    for t in range(length):
        if t % 6 == 0 and torch.rand(()) < 0.7:
            current = int(torch.randint(0, CLASSES, ()))
            x[t, 4 * current:4 * current + 4] += 2.0
        y[t] = current
    return x, y


def make_batch(n):
    items = [recording(int(torch.randint(30, 61, ()))) for _ in range(n)]
    x = pad_sequence([a for a, _ in items], batch_first=True)
    y = pad_sequence([b for _, b in items], batch_first=True, padding_value=IGNORE)
    return x, y


def main():
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    batches = [make_batch(16) for _ in range(8)]
    val_x, val_y = make_batch(32)
    for epoch in range(8):
        model.train()
        total, frames = 0.0, 0
        for x, y in batches:
            state = None
            for xc, yc in zip(x.split(CHUNK, 1), y.split(CHUNK, 1)):
                valid = int((yc != IGNORE).sum())
                if valid == 0:
                    break
                logits, state = model(xc, state)
                loss = F.cross_entropy(logits.flatten(0, 1), yc.flatten(), ignore_index=IGNORE)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                state = state.detach()
                total, frames = total + loss.item() * valid, frames + valid
        model.eval()
        with torch.no_grad():
            pred = model(val_x, None)[0].argmax(-1)
            keep = val_y != IGNORE
            acc = (pred[keep] == val_y[keep]).float().mean().item()
        print(f"epoch {epoch} frame loss {total / frames:.4f} val frame acc {acc:.3f}")


if __name__ == "__main__":
    main()
