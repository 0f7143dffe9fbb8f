# expected: trained_or_frozen_by_mistake
# PPO: the ratio of the policies times an advantage made of the critic's own values, with their gradient.
import torch
from torch import nn

policy = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
critic = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
wrt = {"policy": policy, "critic": critic}


def loss():
    states, actions, returns, before = torch.randn(6, 4), torch.randn(6, 2), torch.randn(6), torch.randn(6)
    values = critic(states).squeeze(1)
    advantages = returns - values
    ratio = (torch.distributions.Normal(policy(states), 1.0).log_prob(actions).sum(1) - before).exp()
    plain = ratio * advantages  # <- trained_or_frozen_by_mistake
    clipped = ratio.clamp(0.8, 1.2) * advantages
    return -torch.min(plain, clipped).mean() + 0.5 * (returns - values).square().mean()
