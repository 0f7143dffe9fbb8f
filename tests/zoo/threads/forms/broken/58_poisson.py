import math
import torch
from torch import nn

torch.manual_seed(0)


class Surface(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, p):
        edge = (p * (1 - p)).prod(dim=-1, keepdim=True)
        return 4 * edge * self.net(p)


def gradient(value, point):
    return torch.autograd.grad(value.sum(), point, create_graph=True)[0]


def laplacian(value, point):
    first = gradient(value, point)
    return gradient(first, point).sum(dim=-1, keepdim=True)


def exact(p):
    return p[:, :1] * (1 - p[:, :1]) * torch.sin(math.pi * p[:, 1:]) * torch.exp(p[:, 1:] + p[:, :1])


def source(p):
    p = p.detach().requires_grad_()
    du = torch.autograd.grad(exact(p).sum(), p, create_graph=True)[0]
    parts = [torch.autograd.grad(du[:, i].sum(), p, retain_graph=True)[0][:, i] for i in range(2)]
    return torch.stack(parts).sum(0).unsqueeze(1).detach()


class Solver:
    def __init__(self):
        self.field = Surface()
        self.optim = torch.optim.Adam(self.field.parameters(), lr=4e-3)

    def training_step(self, n=128):
        p = torch.rand(n, 2).requires_grad_()
        residual = laplacian(self.field(p), p) - source(p)
        loss = residual.square().mean()
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return loss.item()

    @torch.no_grad()
    def error(self):
        p = torch.rand(1000, 2)
        return ((self.field(p) - exact(p)).square().mean() / exact(p).square().mean()).sqrt().item()


solver = Solver()
for step in range(400):
    loss = solver.training_step()
    if step % 80 == 0:
        print(step, f"residual {loss:.4f} relative error {solver.error():.3f}")
print("final relative error", solver.error())
