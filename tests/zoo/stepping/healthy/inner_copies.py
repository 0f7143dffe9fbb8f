# Reptile: a copy learns for a while, and the model is pulled towards it by hand.
import copy

import torch
from torch import nn

model = nn.Linear(4, 1)
for _ in range(3):
    learner = copy.deepcopy(model)
    inner = torch.optim.SGD(learner.parameters(), lr=0.1)
    for _ in range(3):
        inner.zero_grad()
        (learner(torch.randn(5, 4)) - 1).square().mean().backward()
        inner.step()
    with torch.no_grad():
        for slow, fast in zip(model.parameters(), learner.parameters(), strict=True):
            slow.lerp_(fast, 0.3)
