# expected: ok
# Softmax over the instances of a bag, over the frames of a line, and over pairs both ways.
import torch
from torch import nn

score, embed, head = nn.Linear(6, 1), nn.Linear(6, 4), nn.Linear(4, 2)
wrt = nn.ModuleList([score, embed, head])
bag, frames, label = torch.randn(9, 6), torch.randn(7, 3, 6), torch.tensor([1])


def loss():
    weights = score(bag).softmax(0)
    pooled = (weights * embed(bag)).sum(0, keepdim=True)
    over_time = (score(frames).softmax(0) * embed(frames)).sum(0)
    one, two = embed(bag), embed(bag.flip(1))
    pairs = one @ two.t()
    both = pairs.log_softmax(0).diagonal().mean() + pairs.log_softmax(1).diagonal().mean()
    return nn.functional.cross_entropy(head(pooled), label) + over_time.square().mean() - both
