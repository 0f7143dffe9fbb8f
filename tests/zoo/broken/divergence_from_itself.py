# expected: suspicious_shape suspicious_shape
# How far the policy may move is measured from itself, neither side detached: 0, and so are all its derivatives.
import torch
from torch import nn
from torch.distributions import Categorical

wrt = nn.Linear(4, 3)
states, gained = torch.randn(6, 4), torch.randn(6)


def divergence(one, other):
    return (one.probs * (one.logits - other.logits)).sum(-1)  # <- suspicious_shape


def loss():
    scores = wrt(states)
    policy = Categorical(logits=scores)
    distance = divergence(policy, policy).mean()
    by_hand = nn.functional.kl_div(scores.log_softmax(-1), scores.softmax(-1), reduction="sum")  # <- suspicious_shape
    return -(policy.log_prob(torch.zeros(6)) * gained).mean() + distance + by_hand
