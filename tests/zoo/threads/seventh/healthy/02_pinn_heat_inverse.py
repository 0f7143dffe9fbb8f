import math

import torch
import torch.nn as nn

torch.manual_seed(1)

ALPHA_TRUE = 0.15


def exact(x, t):
    return torch.exp(-ALPHA_TRUE * math.pi ** 2 * t) * torch.sin(math.pi * x)


class Field(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, 1),
        )
        self.raw_alpha = nn.Parameter(torch.tensor(-1.0))

    @property
    def alpha(self):
        return nn.functional.softplus(self.raw_alpha)

    def forward(self, x, t):
        # the walls are built in, so no boundary loss is needed
        return x * (1 - x) * self.net(torch.cat([x, t], 1))


def residual(model, x, t):
    x = x.detach().requires_grad_(True)
    t = t.detach().requires_grad_(True)
    u = model(x, t)
    u_x, u_t = torch.autograd.grad(u.sum(), (x, t), create_graph=True)
    u_xx = torch.autograd.grad(u_x.sum(), x, create_graph=True)[0]
    return u_t - model.alpha * u_xx


x_obs, t_obs = torch.rand(100, 1), torch.rand(100, 1)
u_obs = exact(x_obs, t_obs) + 0.01 * torch.randn(100, 1)
x_ini = torch.linspace(0, 1, 50)[:, None]
u_ini = exact(x_ini, torch.zeros_like(x_ini))

model = Field()
optimizer = torch.optim.Adam([
    {"params": model.net.parameters(), "lr": 3e-3},
    {"params": [model.raw_alpha], "lr": 1e-2},
])

for step in range(1, 501):
    optimizer.zero_grad(set_to_none=True)
    xc, tc = torch.rand(200, 1), torch.rand(200, 1)
    loss_pde = residual(model, xc, tc).pow(2).mean()
    loss_ini = (model(x_ini, torch.zeros_like(x_ini)) - u_ini).pow(2).mean()
    loss_obs = (model(x_obs, t_obs) - u_obs).pow(2).mean()
    loss = 0.1 * loss_pde + loss_ini + loss_obs
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step:3d}  pde {loss_pde.item():.5f}  ini {loss_ini.item():.5f}  obs {loss_obs.item():.5f}  "
              f"alpha {model.alpha.item():.4f}")
