import torch
from torch import nn

torch.manual_seed(0)


class MemoryBlock(nn.Module):
    """Attends over the current chunk and the summary slots of the chunk before."""

    def __init__(self, dim, slots):
        super().__init__()
        self.attn = nn.MultiheadAttention(dim, 2, batch_first=True)
        self.squeeze = nn.Linear(dim, dim)
        self.slots = slots

    def forward(self, x, memory):
        context = torch.cat([memory, x], dim=1)
        y = x + self.attn(x, context, context, need_weights=False)[0]
        return y, torch.tanh(self.squeeze(y[:, -self.slots:]))


class ChunkModel(nn.Module):
    def __init__(self, vocab, dim=24, slots=4):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.block = MemoryBlock(dim, slots)
        self.out = nn.Linear(dim, 2)
        self.empty = nn.Parameter(torch.zeros(1, slots, dim))

    def forward(self, ids, memory=None):
        if memory is None:
            memory = self.empty.expand(len(ids), -1, -1)
        h, fresh = self.block(self.embed(ids), memory)
        return self.out(h), fresh


def documents(rows, chunks, size):
    ids = torch.randint(12, (rows, chunks * size))
    seen = (ids == 0).cumsum(1) > 0
    yield from zip(ids.split(size, dim=1), seen.long().split(size, dim=1))


def make_step(model, optim):
    memory = None

    def step(ids, labels):
        nonlocal memory
        logits, fresh = model(ids, memory)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        optim.zero_grad()
        loss.backward()
        optim.step()
        memory = fresh
        return loss.item()

    return step


model = ChunkModel(12)
optim = torch.optim.Adam(model.parameters(), lr=3e-3)
for doc in range(40):
    step = make_step(model, optim)
    losses = [step(ids, labels) for ids, labels in documents(16, 5, 8)]
    if doc % 10 == 0:
        print(doc, [round(v, 3) for v in losses])
