# expected: ok
# Soft actor-critic: the temperature, a number that learns, multiplies the log-probability; the critic is subtracted.
import torch
from torch import nn

policy = nn.Linear(4, 2)
critic = nn.Linear(5, 1)
log_alpha = nn.Parameter(torch.zeros(()))
wrt = {"policy": policy, "critic": critic, "log_alpha": log_alpha}


def loss():
    states = torch.randn(6, 4)
    mean, spread = policy(states).chunk(2, dim=1)
    choice = torch.distributions.Normal(mean, spread.exp())
    action = choice.rsample()
    log_prob = choice.log_prob(action)
    value = critic(torch.cat([states, action.tanh()], dim=1))
    weights = critic(torch.cat([states, action], dim=1)).softmax(0)
    return (log_alpha.exp() * log_prob - value).mean() - 0.1 * (weights * log_prob).sum()
