import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Queue:
    def __init__(self, size, dim):
        self.keys = F.normalize(torch.randn(size, dim), dim=-1)
        self.at = 0

    def push(self, keys):
        n = len(keys)
        idx = (self.at + torch.arange(n)) % len(self.keys)
        self.keys[idx] = keys
        self.at = (self.at + n) % len(self.keys)


class MomentumContrast(nn.Module):
    def __init__(self, dim=16, momentum=0.99, queue=256):
        super().__init__()
        self.query = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, dim))
        self.key = copy.deepcopy(self.query).requires_grad_(False)
        self.momentum = momentum
        self.queue = Queue(queue, dim)

    @torch.no_grad()
    def update_key(self):
        for k, q in zip(self.key.parameters(), self.query.parameters()):
            k.lerp_(q, self.momentum)

    def forward(self, a, b):
        q = F.normalize(self.query(a), dim=-1)
        with torch.no_grad():
            self.update_key()
            k = F.normalize(self.key(b), dim=-1)
        pos = (q * k).sum(-1, keepdim=True)
        neg = torch.einsum("nd,kd->nk", q, self.queue.keys.clone())
        logits = torch.cat([pos, neg], dim=1) / 0.1
        loss = F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))
        self.queue.push(k)
        return loss


proj = torch.randn(6, 24)


def two_views(n):
    hidden = torch.randn(n, 6)
    return tuple(hidden @ proj + 0.5 * torch.randn(n, 24) for _ in range(2))


model = MomentumContrast()
optim = torch.optim.SGD(model.query.parameters(), lr=0.1, momentum=0.9)
for step in range(150):
    loss = model(*two_views(64))
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 30 == 0:
        gap = sum((k - q).norm() for k, q in zip(model.key.parameters(), model.query.parameters()))
        print(step, f"loss {loss.item():.3f} distance key-query {gap.item():.4f}")
