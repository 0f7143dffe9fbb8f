import math
import torch
from torch import nn

torch.manual_seed(0)


class LowRank(nn.Module):
    def __init__(self, base, rank=4, alpha=8.0):
        super().__init__()
        self.base = base
        self.base.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(rank, base.in_features))
        self.up = nn.Parameter(torch.empty(base.out_features, rank))
        self.scaling = alpha / rank
        self.reset()

    def reset(self):
        for factor in (self.down, self.up):
            nn.init.zeros_(factor)

    def forward(self, x):
        update = torch.einsum("...i,ri,or->...o", x, self.down, self.up)
        return self.base(x) + self.scaling * update


def inject(module, names):
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear) and name in names:
            setattr(module, name, LowRank(child))
        else:
            inject(child, names)
    return module


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(dim, dim) for _ in range(3))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x):
        q, k, v = self.query(x), self.key(x), self.value(x)
        w = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(x.size(-1)), dim=-1)
        return self.norm(x + w @ v)


class Encoder(nn.Module):
    def __init__(self, vocab=20, dim=24):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.blocks = nn.ModuleList(Block(dim) for _ in range(2))
        self.out = nn.Linear(dim, 2)

    def forward(self, ids):
        h = self.embed(ids)
        for b in self.blocks:
            h = b(h)
        return self.out(h.mean(1))


def batch(n, flip):
    ids = torch.randint(20, (n, 8))
    y = ((ids < 7).sum(1) > (ids > 12).sum(1)).long()
    return ids, (1 - y if flip else y)


def train(model, flip, steps, lr):
    params = [p for p in model.parameters() if p.requires_grad]
    optim = torch.optim.Adam(params, lr=lr)
    for step in range(steps):
        ids, y = batch(64, flip)
        out = model(ids)
        loss = nn.functional.cross_entropy(out, y)
        optim.zero_grad()
        loss.backward()
        optim.step()
        if (step + 1) % 50 == 0:
            print(f"flip={flip} step {step + 1} loss {loss.item():.3f} acc {(out.argmax(1) == y).float().mean():.2f}")


model = Encoder()
train(model, flip=False, steps=150, lr=5e-3)
model.requires_grad_(False)
train(inject(model, {"query", "key", "value"}), flip=True, steps=150, lr=1e-2)
