"""Solve the 2-D Helmholtz equation on [-1, 1]^2 with a physics-informed network."""
import math
import torch
import torch.nn as nn
from torch import autograd

torch.manual_seed(11)
K, A1, A2 = 1.0, 1.0, 1.0


def exact(xy):
    return torch.sin(A1 * math.pi * xy[:, [0]]) * torch.sin(A2 * math.pi * xy[:, [1]])


def forcing(xy):
    u = exact(xy)
    return -(A1 * math.pi) ** 2 * u - (A2 * math.pi) ** 2 * u + K ** 2 * u


class PINN(nn.Module):
    def __init__(self, layers=(2, 32, 32, 32, 1)):
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in zip(layers[:-1], layers[1:]))
        for lin in self.linears:
            nn.init.xavier_normal_(lin.weight)
            nn.init.zeros_(lin.bias)

    def forward(self, xy):
        h = xy
        for lin in self.linears[:-1]:
            h = torch.tanh(lin(h))
        return self.linears[-1](h)

    def loss_bc(self, xy_b, u_b):
        return ((self(xy_b) - u_b) ** 2).mean()

    def loss_pde(self, xy):
        g = xy.clone().requires_grad_(True)
        u = self(g)
        grad_u = autograd.grad(u, g, torch.ones_like(u), create_graph=True)[0]
        hess_u = autograd.grad(grad_u, g, torch.ones_like(grad_u), create_graph=True)[0]
        u_xx = hess_u[:, [0]]
        u_yy = hess_u[:, [1]]
        residual = u_xx + u_yy + K ** 2 * u - forcing(xy)
        return (residual ** 2).mean()


def boundary(n):
    s = 2 * torch.rand(n, 1) - 1
    one = torch.ones_like(s)
    sides = [torch.cat(p, 1) for p in ((s, one), (s, -one), (one, s), (-one, s))]
    xy = torch.cat(sides)
    return xy, exact(xy)


line = torch.linspace(-1, 1, 41)
grid = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)

model = PINN()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1000)
for step in range(1000):
    xy = 2 * torch.rand(256, 2) - 1
    pde = model.loss_pde(xy)
    bc = model.loss_bc(*boundary(32))
    loss = pde + 20.0 * bc
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if (step + 1) % 200 == 0:
        with torch.no_grad():
            err = (model(grid) - exact(grid)).norm() / exact(grid).norm()
        print(f"step {step + 1:4d} pde {pde.item():.4e} bc {bc.item():.4e} rel L2 error {err.item():.3f}")
