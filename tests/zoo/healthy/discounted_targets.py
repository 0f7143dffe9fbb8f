# expected: ok
# A target without its gradient, one from a copy of the network, and a damped oscillation, whose gamma discounts nothing.
import copy

import torch
from torch import nn

wrt = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 2))
slow = copy.deepcopy(wrt).requires_grad_(False)
states, rewards, gamma, forcing = torch.randn(8, 3), torch.randn(7), 0.9, torch.zeros(8)


def loss():
    values = wrt(states)
    now, later = values[:-1, 0], values[1:, 0]
    first = nn.functional.mse_loss(now, rewards + gamma * later.detach())
    second = (rewards + gamma * slow(states)[1:, 0] - now).square().mean()
    speed, push = values[:, 0], values[:, 1]
    third = (forcing + gamma * speed - push).square().mean()
    return first + second + third
