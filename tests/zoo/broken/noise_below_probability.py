# expected: discrete_op
# Learnt dropout by hand: uniform noise below the keep probability is a comparison.
import torch
from torch import nn

layer, keep = nn.Linear(5, 5), nn.Parameter(torch.zeros(5))
wrt = {"layer": layer, "keep": keep}


def loss():
    probability = keep.sigmoid()
    mask = (torch.rand(8, 5) < probability).float()  # <- discrete_op
    return (layer(torch.randn(8, 5)) * mask).square().mean()
