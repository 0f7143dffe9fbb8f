import functools
import torch
from torch import nn

torch.manual_seed(0)


class Field(nn.Module):
    def __init__(self, width=32, depth=2):
        super().__init__()
        layers = [nn.Linear(1, width), nn.Tanh()]
        for _ in range(depth - 1):
            layers += [nn.Linear(width, width), nn.Tanh()]
        self.net = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, t):
        return self.net(t)


def derivative(value, point):
    ones = torch.ones_like(value)
    (slope,) = torch.autograd.grad(value, point, grad_outputs=ones, retain_graph=True)
    return slope


class ResidualLoss(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, field, t):
        t = t.detach().requires_grad_(True)
        u = field(t)
        return (derivative(u, t) + self.rate * u).square().mean()


class InitialLoss(nn.Module):
    def forward(self, field, t):
        return (field(torch.zeros(1, 1)) - 1.0).square().mean()


def fit(field, terms, steps, sampler, report):
    optim = torch.optim.Adam(field.parameters(), lr=3e-3)
    for step in range(steps):
        t = sampler()
        parts = {name: term(field, t) for name, term in terms.items()}
        optim.zero_grad()
        sum(parts.values()).backward()
        optim.step()
        if step % report == 0:
            print(step, {k: f"{v.item():.2e}" for k, v in parts.items()})


field = Field()
terms = {"residual": ResidualLoss(rate=-1.5), "initial": InitialLoss()}
fit(field, terms, steps=800, sampler=functools.partial(torch.rand, 64, 1), report=200)
with torch.no_grad():
    grid = torch.linspace(0, 1, 21).unsqueeze(1)
    error = (field(grid) - torch.exp(1.5 * grid)).abs().max()
print("largest error", error.item())
