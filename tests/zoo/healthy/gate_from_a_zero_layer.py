# expected: ok
# A residual branch behind a gate that a layer of zeros computes: the branch learns from the second step on.
import torch
from torch import nn


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(5, 5), nn.GELU(), nn.Linear(5, 5))
        self.gate = nn.Linear(5, 5)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def forward(self, x):
        return x + self.gate(x) * self.branch(x)


model = Gated()
wrt = model
data = torch.randn(6, 5)


def loss():
    return (model(data) - 1).square().mean()
