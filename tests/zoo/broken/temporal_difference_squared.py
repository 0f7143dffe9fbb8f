# expected: trained_or_frozen_by_mistake
# An actor-critic's differences, gathered backwards in time: the critic's loss goes through the next value too.
import torch
from torch import nn

wrt = nn.Linear(3, 1)
states, rewards, gamma, lam = torch.randn(6, 3), torch.randn(6), 0.99, 0.95


def loss():
    values = wrt(states).squeeze(1)
    advantages, running = torch.zeros(5), 0.0
    for t in reversed(range(5)):
        delta = rewards[t] + gamma * values[t + 1] - values[t]  # <- trained_or_frozen_by_mistake
        running = delta + gamma * lam * running
        advantages[t] = running
    return advantages.pow(2).mean()
