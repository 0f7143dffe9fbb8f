# The actor's loss reads the first critic only, every other step.
import torch
from torch import nn

actor, one, two = nn.Linear(3, 1), nn.Linear(4, 1), nn.Linear(4, 1)
critics = torch.optim.Adam([*one.parameters(), *two.parameters()], lr=1e-3)
actors = torch.optim.Adam(actor.parameters(), lr=1e-3)
for step in range(4):
    state, action, goal = torch.randn(8, 3), torch.rand(8, 1), torch.randn(8, 1)
    pair = torch.cat([state, action], 1)
    critics.zero_grad()
    ((one(pair) - goal).square().mean() + (two(pair) - goal).square().mean()).backward()
    critics.step()
    if step % 2 == 0:
        actors.zero_grad()
        (-one(torch.cat([state, actor(state)], 1)).mean()).backward()
        actors.step()
