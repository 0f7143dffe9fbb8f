import math

import torch
import torch.nn as nn


class PINN(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        self.mu = nn.Parameter(torch.tensor(1.0))

    def forward(self, t):
        return self.net(t)


def derivative(u, t):
    return torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)[0]


def exact(t, d=1.5, w0=8.0):
    w = math.sqrt(w0 ** 2 - d ** 2)
    return torch.exp(-d * t) * torch.cos(w * t)


torch.manual_seed(0)
pinn = PINN()
t_obs = torch.rand(30, 1)
u_obs = exact(t_obs)
t_col = torch.linspace(0, 1, 40).view(-1, 1).requires_grad_(True)

adam = torch.optim.Adam(pinn.parameters(), lr=5e-3)
lbfgs = torch.optim.LBFGS(pinn.parameters(), lr=0.5, max_iter=4, history_size=10, line_search_fn="strong_wolfe")


def compute_loss():
    u = pinn(t_col)
    du = derivative(u, t_col)
    ddu = derivative(du, t_col)
    residual = ddu + 2 * pinn.mu * du + 64.0 * u
    return 1e-4 * residual.pow(2).mean() + (pinn(t_obs) - u_obs).pow(2).mean()


for step in range(3):
    adam.zero_grad()
    loss = compute_loss()
    loss.backward()
    adam.step()
    print("adam", step, loss.item())


def closure():
    lbfgs.zero_grad()
    loss = compute_loss()
    loss.backward()
    return loss


for step in range(3):
    loss = lbfgs.step(closure)
    print("lbfgs", step, loss.item(), "mu", pinn.mu.item())
