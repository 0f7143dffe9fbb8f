import math

import torch
import torch.nn as nn

torch.manual_seed(0)
ALPHA = 0.1


def exact(x, t):
    return torch.exp(-ALPHA * math.pi ** 2 * t) * torch.sin(math.pi * x)


class PINN(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
        self.log_alpha = nn.Parameter(torch.tensor(-1.0))

    def forward(self, x, t):
        return self.net(torch.cat([x, t], dim=1))

    def residual(self, x, t):
        x = x.detach().clone().requires_grad_(True)
        t = t.detach().clone().requires_grad_(True)
        u = self(x, t)
        u_x, u_t = torch.autograd.grad(u.sum(), (x, t), create_graph=True)
        u_xx = torch.autograd.grad(u_x.sum(), x, create_graph=True)[0]
        return u_t - self.log_alpha.exp() * u_xx


model = PINN()
optimizer = torch.optim.Adam([
    {"params": model.net.parameters(), "lr": 3e-3},
    {"params": [model.log_alpha], "lr": 1e-2},
])
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=900, eta_min=1e-4)

x_obs, t_obs = torch.rand(80, 1), torch.rand(80, 1)
u_obs = exact(x_obs, t_obs) + 0.01 * torch.randn(80, 1)
x_grid, t_grid = (g.reshape(-1, 1) for g in torch.meshgrid(torch.linspace(0, 1, 30), torch.linspace(0, 1, 30), indexing="ij"))

for it in range(900):
    x_f, t_f = torch.rand(128, 1), torch.rand(128, 1)
    t_b = torch.rand(40, 1)
    x_0 = torch.rand(40, 1)
    pde = model.residual(x_f, t_f).pow(2).mean()
    boundary = model(torch.zeros_like(t_b), t_b).pow(2).mean() + model(torch.ones_like(t_b), t_b).pow(2).mean()
    initial = (model(x_0, torch.zeros_like(x_0)) - torch.sin(math.pi * x_0)).pow(2).mean()
    data = (model(x_obs, t_obs) - u_obs).pow(2).mean()
    loss = pde + 10 * (boundary + initial + data)

    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if it % 150 == 149:
        with torch.no_grad():
            err = (model(x_grid, t_grid) - exact(x_grid, t_grid)).norm() / exact(x_grid, t_grid).norm()
        print(f"it {it + 1} loss {loss.item():.5f} pde {pde.item():.5f} rel error {err.item():.4f} alpha {model.log_alpha.exp().item():.4f}")
