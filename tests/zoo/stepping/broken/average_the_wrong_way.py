# expected: average_reversed
# The model is drawn to its average, and the average never moves.
import copy

import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
average = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    x = torch.randn(6, 4)
    with torch.no_grad():
        goal = average(x)
    optimizer.zero_grad()
    (model(x) - goal - 1).square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
            fast.lerp_(slow, 0.1)  # <- average_reversed
