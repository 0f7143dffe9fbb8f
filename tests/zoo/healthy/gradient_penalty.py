# expected: ok
# A gradient penalty with create_graph=True.
import torch
from torch import nn

critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1, bias=False))
wrt = critic


def loss():
    point = torch.randn(5, 3, requires_grad=True)
    slope = torch.autograd.grad(critic(point).sum(), point, create_graph=True)[0]
    return critic(point).mean() + (slope.norm(dim=-1) - 1).square().mean()
