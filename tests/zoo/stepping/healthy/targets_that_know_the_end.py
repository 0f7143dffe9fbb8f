# expected: ok
# The end is read where the value is masked, on another line than the target's.
import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
slow = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
gamma = 0.9


def loss_of(batch):
    state, action, reward, next_state, done = batch
    value = model(state).gather(1, action).squeeze(1)
    best = slow(next_state).max(dim=1).values
    best[done.bool()] = 0.0
    goal = reward + gamma * best
    return nn.functional.smooth_l1_loss(value, goal)


for _ in range(3):
    ended = (torch.rand(8) < 0.2).float()
    batch = torch.randn(8, 4), torch.randint(0, 2, (8, 1)), torch.randn(8), torch.randn(8, 4), ended
    optimizer.zero_grad()
    loss_of(batch).backward()
    optimizer.step()
