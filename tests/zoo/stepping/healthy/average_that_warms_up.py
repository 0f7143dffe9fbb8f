# Averages that follow their weights closely while they are young, a hard copy after every step, and half and half.
import copy
import math

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
young, slow, trailing, half = (copy.deepcopy(model).requires_grad_(False) for _ in range(4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(1, 8):
    x = torch.randn(12, 6)
    optimizer.zero_grad()
    (model(x) - x[:, :2]).square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        for mean, one in zip(young.parameters(), model.parameters(), strict=True):
            mean.lerp_(one, 1 - min(0.999, (1 + step) / (10 + step)))
        for mean, one in zip(slow.parameters(), model.parameters(), strict=True):
            mean.lerp_(one, 1 - 0.9999 * (1 - math.exp(-step / 2000)))
        for mean, one in zip(trailing.parameters(), model.parameters(), strict=True):
            mean.copy_(one)
        for mean, one in zip(half.parameters(), model.parameters(), strict=True):
            mean.add_(one).div_(2)
