# The actor's turn clears its own gradients and, before it, those that it would leave in the critic.
import torch
from torch import nn

torch.manual_seed(0)
actor = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
critic = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))
moves = torch.optim.SGD(actor.parameters(), lr=0.05)
judges = torch.optim.SGD(critic.parameters(), lr=0.05)
for _ in range(4):
    state, action = torch.randn(10, 4), torch.randn(10, 2)
    judges.zero_grad()
    target = -(action - state[:, :2]).square().sum(1)
    (critic(torch.cat([state, action], dim=1)).squeeze(1) - target).square().mean().backward()
    judges.step()
    critic.zero_grad()
    moves.zero_grad()
    (-critic(torch.cat([state, actor(state)], dim=1)).mean()).backward()
    moves.step()
