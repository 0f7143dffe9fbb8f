import torch
from torch import nn

torch.manual_seed(0)


class Router(nn.Module):
    def __init__(self, dim, experts):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, 32), nn.Tanh(), nn.Linear(32, experts))
        self.normalise = nn.Softmax(dim=0)

    def forward(self, x):
        return self.normalise(self.net(x))


class Experts(nn.Module):
    def __init__(self, count, dim, hidden):
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(count, dim, hidden) / dim ** 0.5)
        self.w2 = nn.Parameter(torch.randn(count, hidden, 1) / hidden ** 0.5)

    def forward(self, x, gates):
        h = torch.einsum("bd,edh->beh", x, self.w1).relu()
        y = torch.einsum("beh,eho->beo", h, self.w2)
        return torch.einsum("beo,be->bo", y, gates)


class MixtureModule(nn.Module):
    def __init__(self):
        super().__init__()
        self.router, self.experts = Router(6, 4), Experts(4, 6, 16)

    def forward(self, x):
        return self.experts(x, self.router(x))

    def training_step(self, batch):
        x, y = batch
        return nn.functional.mse_loss(self(x), y)

    def configure_optimizers(self):
        return torch.optim.Adam([
            {"params": self.router.parameters(), "lr": 3e-3},
            {"params": self.experts.parameters(), "lr": 1e-2},
        ])


def pieces(n):
    x = torch.randn(n, 6)
    region = (x[:, 0] > 0).long() * 2 + (x[:, 1] > 0).long()
    slope = torch.tensor([[3.0, 0, 1], [-2, 1, 0], [0, -3, 1], [1, 1, -3]])[region]
    return x, (x[:, 3:] * slope).sum(1, keepdim=True)


module = MixtureModule()
optim = module.configure_optimizers()
for step in range(300):
    loss = module.training_step(pieces(128))
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 60 == 0:
        print(step, "train", round(loss.item(), 3))
with torch.no_grad():
    for size in (1, 8, 128, 1024):
        x, y = pieces(1024)
        pred = torch.cat([module(part) for part in x.split(size)])
        print("batch size", size, "test error", (pred - y).square().mean().item())
