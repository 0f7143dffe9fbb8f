# expected: samples_mixed
# The weights of the positions are to sum to one in each sample, and sum to one over the samples.
import torch
from torch import nn

score, out = nn.Linear(8, 1), nn.Linear(8, 2)
wrt = nn.ModuleDict({"score": score, "out": out})
x, labels = torch.randn(5, 7, 8), torch.tensor([0, 1, 1, 0, 1])


def loss():
    weights = torch.softmax(score(x), dim=0)  # <- samples_mixed
    return nn.functional.cross_entropy(out((weights * x).sum(1)), labels)
