import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Codebook(nn.Module):
    """Nearest code with a codebook that follows running means instead of gradients."""

    def __init__(self, size, dim, decay=0.9):
        super().__init__()
        self.decay = decay
        table = torch.randn(size, dim) * 0.5
        self.register_buffer("table", table)
        self.register_buffer("count", torch.ones(size))
        self.register_buffer("total", table.clone())

    @torch.no_grad()
    def follow(self, z, onehot):
        self.count.lerp_(onehot.sum(0), 1 - self.decay)
        self.total.lerp_(onehot.t() @ z, 1 - self.decay)
        self.table.copy_(self.total / self.count.clamp_min(1e-3).unsqueeze(1))
        dead = self.count < 0.05
        if dead.any():
            pick = torch.randint(len(z), (int(dead.sum()),))
            self.table[dead] = z[pick]
            self.total[dead] = z[pick]
            self.count[dead] = 1.0

    def forward(self, z):
        code = torch.cdist(z.detach(), self.table).argmin(dim=1)
        onehot = F.one_hot(code, len(self.table)).float()
        q = self.table[code]
        if self.training:
            self.follow(z.detach(), onehot)
        commit = F.mse_loss(z, q)
        return z + (q - z).detach(), commit, onehot.mean(0)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 4))
        self.book = Codebook(24, 4)
        self.dec = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 8))

    def forward(self, x):
        q, commit, usage = self.book(self.enc(x))
        return {"recon": F.mse_loss(self.dec(q), x), "commit": 0.25 * commit}, usage


lift = torch.randn(2, 8)


def blobs(n):
    centre = torch.randint(4, (n, 2)).float() - 1.5
    return (centre + 0.1 * torch.randn(n, 2)) @ lift


model = Model()
optim = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(400):
    losses, usage = model(blobs(128))
    optim.zero_grad()
    sum(losses.values()).backward()
    optim.step()
    if step % 80 == 0:
        print(step, {k: round(v.item(), 4) for k, v in losses.items()}, "codes in use", int((usage > 0).sum()))
print("variance of data", blobs(1000).var().item())
