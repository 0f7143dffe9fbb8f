# expected: stale
# The optimizer holds the first model; a copy of it is what the loop trains.
import copy

import torch
from torch import nn

template = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1))
optimizer = torch.optim.Adam(template.parameters(), lr=1e-3)  # <- stale
student = copy.deepcopy(template)
for _ in range(2):
    loss = (student(torch.randn(9, 4)) - 1).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
