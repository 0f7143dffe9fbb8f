# expected: average_reversed
# The list form of lerp, with the weight of the old values where that of the new ones belongs.
import copy

import torch
from torch import nn

torch.manual_seed(0)
online = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4))
slow = copy.deepcopy(online)
for parameter in slow.parameters():
    parameter.requires_grad = False
optimizer = torch.optim.SGD(online.parameters(), lr=0.1)
for _ in range(5):
    x = torch.randn(10, 5)
    with torch.no_grad():
        torch._foreach_lerp_(list(slow.parameters()), list(online.parameters()), 0.9)  # <- average_reversed
        goal = slow(x)
    optimizer.zero_grad()
    (online(x + 0.2 * torch.randn(10, 5)) - goal).square().mean().backward()
    optimizer.step()
