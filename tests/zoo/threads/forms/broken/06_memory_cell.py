import torch
from torch import nn

torch.manual_seed(0)


def repackage(state):
    return tuple(s.detach() for s in state)


def windows(n, batch, length, symbols):
    for _ in range(n):
        cue = torch.randint(symbols, (batch,))
        seq = torch.randint(symbols, (batch, length))
        seq[:, 0] = cue
        yield seq, cue


class Recall(nn.Module):
    def __init__(self, symbols, hidden):
        super().__init__()
        self.embed = nn.Embedding(symbols + 1, 16)
        self.cell = nn.LSTMCell(16, hidden)
        self.readout = nn.Linear(hidden, symbols)
        self.hidden, self.marker = hidden, symbols

    def start(self, batch):
        zero = torch.zeros(batch, self.hidden)
        return zero, zero.clone()

    def unroll(self, seq, state):
        state = repackage(state)
        for token in seq.unbind(dim=1):
            state = self.cell(self.embed(token), state)
            state = repackage(state)
        return state

    def forward(self, seq):
        state = self.unroll(seq, self.start(seq.size(0)))
        ask = torch.full((seq.size(0),), self.marker)
        hidden, _ = self.cell(self.embed(ask), state)
        return self.readout(hidden)


model = Recall(symbols=8, hidden=48)
optim = torch.optim.Adam(model.parameters(), lr=1e-2)
running = None
for step, (seq, cue) in enumerate(windows(300, 32, 9, 8)):
    logits = model(seq)
    loss = nn.functional.cross_entropy(logits, cue)
    optim.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optim.step()
    running = loss.item() if running is None else 0.95 * running + 0.05 * loss.item()
    if step % 100 == 99:
        print(step + 1, f"loss {running:.3f} acc {(logits.argmax(1) == cue).float().mean():.2f}")
