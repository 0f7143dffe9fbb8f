# expected: ok
# A Wasserstein critic with gradient penalty: its last bias shifts both sides alike, so its gradient is 0.
import torch
from torch import nn

critic = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
wrt = critic
real, made = torch.randn(8, 4), torch.rand(8, 4)


def loss():
    between = torch.lerp(real, made, torch.rand(8, 1)).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = (slope.norm(dim=1) - 1).square().mean()
    return critic(made).mean() - critic(real).mean() + 10 * penalty
