# expected: detach
# A gradient penalty whose gradient has no history.
import torch
from torch import nn

critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
wrt = critic


def loss():
    point = torch.randn(5, 3, requires_grad=True)
    slope = torch.autograd.grad(critic(point).sum(), point)[0]  # <- detach
    return {"critic": critic(point).mean(), "penalty": (slope.norm(dim=-1) - 1).square().mean()}
