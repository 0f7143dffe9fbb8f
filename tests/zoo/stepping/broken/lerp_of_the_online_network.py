# expected: average_reversed
# lerp_ on the wrong one of the two.
import copy

import torch
from torch import nn

torch.manual_seed(0)
online = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
target = copy.deepcopy(online)
target.requires_grad_(False)
model = online
optimizer = torch.optim.SGD(online.parameters(), lr=0.1)


def learn():
    state, following = torch.randn(8, 3), torch.randn(8, 3)
    goal = torch.rand(8) + 0.9 * target(following).max(1).values
    loss = nn.functional.smooth_l1_loss(online(state).max(1).values, goal)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        torch._foreach_lerp_(list(online.parameters()), list(target.parameters()), 0.005)  # <- average_reversed


for _ in range(4):
    learn()
