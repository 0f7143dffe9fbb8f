import math
import torch
from torch import nn

torch.manual_seed(0)


class Coupling(nn.Module):
    def __init__(self, dim, flip):
        super().__init__()
        self.half = dim // 2
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(self.half, 32), nn.Tanh(), nn.Linear(32, 2 * (dim - self.half)))

    def forward(self, x):
        if self.flip:
            x = x.flip(-1)
        keep, move = x[:, :self.half], x[:, self.half:]
        shift, log_scale = self.net(keep).chunk(2, dim=-1)
        log_scale = log_scale.tanh()
        x[:, self.half:] = move * log_scale.exp() + shift
        return x, log_scale.sum(-1)


class Flow(nn.Module):
    def __init__(self, dim, depth):
        super().__init__()
        self.layers = nn.ModuleList(Coupling(dim, i % 2 == 1) for i in range(depth))
        self.dim = dim

    def log_prob(self, x):
        total = x.new_zeros(x.size(0))
        for layer in self.layers:
            x, logdet = layer(x)
            total = total + logdet
        base = -0.5 * (x.square().sum(-1) + self.dim * math.log(2 * math.pi))
        return base + total


def crescents(n):
    angle = math.pi * torch.rand(n)
    side = torch.where(torch.rand(n) < 0.5, 1.0, -1.0)
    pts = torch.stack([side * angle.cos() + 0.5 * side, side * angle.sin()], dim=-1)
    return pts + 0.08 * torch.randn(n, 2)


flow = Flow(2, 6)
optim = torch.optim.Adam(flow.parameters(), lr=2e-3)
for step in range(200):
    nll = -flow.log_prob(crescents(256)).mean()
    optim.zero_grad()
    nll.backward()
    optim.step()
    if step % 50 == 0:
        print(step, nll.item())
