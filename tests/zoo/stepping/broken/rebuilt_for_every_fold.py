# expected: stale
# Cross-validation: the model is made anew, the optimizer is not.
import torch
from torch import nn


def build():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))


optimizer = torch.optim.SGD(build().parameters(), lr=0.1)  # <- stale
for fold in range(2):
    model = build()
    for _ in range(2):
        optimizer.zero_grad()
        (model(torch.randn(5, 3)) - 1).square().mean().backward()
        optimizer.step()
