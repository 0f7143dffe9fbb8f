# expected: cancels
# A policy gradient with rsample in the place of sample: the action moves with the mean that scores it.
import torch
from torch import nn

policy, spread = nn.Linear(4, 2), 0.3
wrt = policy


def loss():
    states = torch.randn(6, 4)
    normal = torch.distributions.Normal(policy(states), spread)
    chosen = torch.distributions.Independent(normal, 1)
    actions = chosen.rsample()
    reward = torch.linspace(0.1, 1.0, 6)
    return -(chosen.log_prob(actions) * reward).mean()  # <- cancels
