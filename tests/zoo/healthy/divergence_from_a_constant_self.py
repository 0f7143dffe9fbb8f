# expected: ok
# Divergences whose two sides are not one thing: what the policy was before, detached; sharper scores; another draw.
import torch
from torch import nn
from torch.distributions import Categorical

wrt = nn.Linear(4, 3)
states, gained = torch.randn(6, 4), torch.randn(6)


def divergence(one, other):
    return (one.probs * (one.logits - other.logits)).sum(-1)


def loss():
    scores = wrt(states)
    policy = Categorical(logits=scores)
    before = Categorical(logits=scores.detach())
    distance = divergence(before, policy).mean()
    fixed = nn.functional.kl_div(scores.log_softmax(-1), scores.detach().softmax(-1), reduction="batchmean")
    sharper = nn.functional.kl_div(scores.log_softmax(-1), (scores / 0.5).softmax(-1), reduction="batchmean")
    again = wrt(nn.functional.dropout(states))
    drop = nn.functional.kl_div(scores.log_softmax(-1), again.softmax(-1), reduction="batchmean")
    return -(policy.log_prob(torch.zeros(6)) * gained).mean() + distance + fixed + sharper + drop
