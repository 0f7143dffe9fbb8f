# expected: suspicious_shape suspicious_shape
# How far the policy may move is measured from itself, neither side detached: 0, and so are all its derivatives.
import torch
from torch import nn
from torch.distributions import Categorical, kl_divergence

wrt = nn.Linear(4, 3)
states, gained = torch.randn(6, 4), torch.randn(6)


def loss():
    scores = wrt(states)
    policy = Categorical(logits=scores)
    by_hand = nn.functional.kl_div(scores.log_softmax(-1), scores.softmax(-1), reduction="sum")  # <- suspicious_shape
    distance = kl_divergence(policy, policy).mean()  # <- suspicious_shape
    return -(policy.log_prob(torch.zeros(6)) * gained).mean() + distance + by_hand
