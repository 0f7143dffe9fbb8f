import math

import torch
import torch.nn as nn

torch.manual_seed(0)

ALPHA = 0.2


class MLP(nn.Module):
    def __init__(self, width=40, depth=3):
        super().__init__()
        layers, d = [], 2
        for _ in range(depth):
            layers += [nn.Linear(d, width), nn.Tanh()]
            d = width
        layers.append(nn.Linear(d, 1))
        self.net = nn.Sequential(*layers)

    def forward(self, X):
        return self.net(X)


def exact(X):
    x, t = X[:, :1], X[:, 1:]
    return torch.exp(-ALPHA * math.pi ** 2 * t) * torch.sin(math.pi * x)


def residual(model, X):
    X = X.clone().requires_grad_(True)
    u = model(X)
    grads, = torch.autograd.grad(u, X, grad_outputs=torch.ones_like(u), create_graph=True)
    grads2, = torch.autograd.grad(grads, X, grad_outputs=torch.ones_like(grads), create_graph=True)
    u_t = grads[:, 1:]
    u_xx = grads2[:, :1]
    return u_t - ALPHA * u_xx


def collocation(n):
    return torch.rand(n, 2)


def initial_points(n):
    x = torch.rand(n, 1)
    return torch.cat([x, torch.zeros_like(x)], 1)


def boundary_points(n):
    t = torch.rand(n, 1)
    side = (torch.rand(n, 1) > 0.5).float()
    return torch.cat([side, t], 1)


@torch.no_grad()
def relative_error(model):
    g = torch.linspace(0, 1, 41)
    X = torch.cartesian_prod(g, g)
    ref = exact(X)
    return ((model(X) - ref).norm() / ref.norm()).item()


model = MLP()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=800, eta_min=1e-4)

for it in range(800):
    X_f = collocation(200)
    X_i = initial_points(64)
    X_b = boundary_points(64)

    loss_f = residual(model, X_f).pow(2).mean()
    loss_i = (model(X_i) - exact(X_i)).pow(2).mean()
    loss_b = model(X_b).pow(2).mean()
    loss = loss_f + 10 * loss_i + 10 * loss_b

    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()

    if it % 200 == 0 or it == 799:
        print(f"it {it:5d} loss {loss.item():.5f} pde {loss_f.item():.5f} "
              f"ic {loss_i.item():.5f} bc {loss_b.item():.5f} rel-L2 {relative_error(model):.4f}")
