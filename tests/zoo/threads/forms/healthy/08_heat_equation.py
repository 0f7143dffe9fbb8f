import math
import torch
from torch import nn

torch.manual_seed(0)


class Field(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, x, t):
        start = torch.sin(math.pi * x)
        return start + t * x * (1 - x) * self.net(torch.cat([x, t], dim=1))


def slope(value, point):
    return torch.autograd.grad(value.sum(), point, create_graph=True)[0]


class Residual(nn.Module):
    def __init__(self, diffusivity):
        super().__init__()
        self.diffusivity = diffusivity

    def forward(self, field, x, t):
        x, t = x.requires_grad_(), t.requires_grad_()
        u = field(x, t)
        ux = slope(u, x)
        return (slope(u, t) - self.diffusivity * slope(ux, x)).square().mean()


field, residual = Field(), Residual(0.1)


def closure_for(optim, x, t):
    def closure():
        optim.zero_grad()
        loss = residual(field, x, t)
        loss.backward()
        return loss
    return closure


warm = torch.optim.Adam(field.parameters(), lr=4e-3)
for step in range(120):
    loss = warm.step(closure_for(warm, torch.rand(100, 1), torch.rand(100, 1)))
print("after Adam", loss.item())

fine = torch.optim.LBFGS(field.parameters(), max_iter=20, line_search_fn="strong_wolfe")
points = torch.rand(200, 1), torch.rand(200, 1)
for step in range(4):
    loss = fine.step(closure_for(fine, *points))
    print("L-BFGS", step, loss.item())

with torch.no_grad():
    x, t = torch.rand(500, 1), torch.rand(500, 1)
    exact = torch.exp(-0.1 * math.pi ** 2 * t) * torch.sin(math.pi * x)
    print("largest error", (field(x, t) - exact).abs().max().item())
