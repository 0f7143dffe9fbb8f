# expected: not_cleared
# The loop clears the first optimizer twice and the second never.
import torch
from torch import nn

policy, value = nn.Linear(4, 2), nn.Linear(4, 1)
actor = torch.optim.Adam(policy.parameters(), lr=1e-3)
critic = torch.optim.Adam(value.parameters(), lr=1e-3)
for _ in range(3):
    state, reward = torch.randn(6, 4), torch.randn(6, 1)
    actor.zero_grad()  # <- not_cleared
    (value(state) - reward).square().mean().backward()
    critic.step()
    actor.zero_grad()
    advantage = (reward - value(state)).detach()
    (-policy(state).log_softmax(-1)[:, :1] * advantage).mean().backward()
    actor.step()
