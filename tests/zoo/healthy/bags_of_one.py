# expected: ok
# Pooling over what is sometimes one entry, by several heads: the axis of the softmax is the one that is summed over.
import torch
from torch import nn

score, embed, head = nn.Linear(6, 3), nn.Linear(6, 4), nn.Linear(12, 2)
ask = nn.Linear(6, 6)
wrt = nn.ModuleList([score, embed, head, ask])
bags = [torch.randn(1, 6), torch.randn(5, 6), torch.randn(1, 6)]
labels = torch.tensor([1, 0, 1])


def loss():
    pooled, seen = [], 0.0
    for bag in bags:
        weights = score(bag).softmax(0)
        pooled.append((weights.t() @ embed(bag)).flatten())
        asked = ask(bag)
        attention = (asked @ bag.t()).softmax(-1)
        seen = seen + (attention @ asked).square().mean()
        apart = (score(bag[None]).softmax(dim=1).unsqueeze(-1) * embed(bag[None]).unsqueeze(2)).sum(1)
        seen = seen + apart.square().mean()
    return nn.functional.cross_entropy(head(torch.stack(pooled)), labels) + seen
