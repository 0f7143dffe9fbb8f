# expected: trained_or_frozen_by_mistake
# Q-learning with one network: the target is made by it, and the gradient goes through the target as well.
import torch
from torch import nn

wrt = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
state, next_state, actions = torch.randn(8, 4), torch.randn(8, 4), torch.randint(0, 2, (8, 1))
rewards, done, gamma = torch.randn(8), torch.tensor([0.0, 0, 0, 1, 0, 0, 0, 1]), 0.99


def loss():
    values = wrt(state).gather(1, actions).squeeze(1)
    best = wrt(next_state).max(dim=1).values
    target = rewards + gamma * best * (1 - done)  # <- trained_or_frozen_by_mistake
    return nn.functional.smooth_l1_loss(values, target)
