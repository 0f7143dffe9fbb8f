# expected: ok
# A critic's two hinges, all of them open: real and fake pull the last bias by the same amount.
import torch
import torch.nn.functional as F
from torch import nn

critic = nn.Sequential(nn.Linear(4, 6), nn.ELU(), nn.LayerNorm(6), nn.Linear(6, 1))
with torch.no_grad():
    critic[-1].weight.mul_(0.05)
wrt = critic
real, made = torch.randn(8, 4), torch.rand(8, 4)


def loss():
    return 0.5 * (F.relu(1 - critic(real)).mean() + F.relu(1 + critic(made)).mean())
