# expected: ok
# REINFORCE with a Normal policy whose rewards come from an environment in NumPy.
import numpy
import torch
from torch import nn

policy = nn.Linear(4, 1)
log_scale = nn.Parameter(torch.zeros(1))
wrt = {"policy": policy, "log_scale": log_scale}


def environment(action):
    return -numpy.abs(action - 0.5).sum(-1)


def loss():
    distribution = torch.distributions.Normal(policy(torch.randn(8, 4)), log_scale.exp())
    action = distribution.sample()
    reward = torch.as_tensor(environment(action.numpy()))
    advantage = (reward - reward.mean()) / (reward.std() + 1e-6)
    return -(distribution.log_prob(action).sum(-1) * advantage).mean()
