# expected: new_leaf
# nn.Parameter around a computed tensor: a new start.
import torch
from torch import nn

hyper = nn.Linear(3, 8)
wrt = hyper


def loss():
    made = hyper(torch.randn(3))
    weight = nn.Parameter(made.reshape(2, 4))
    return (weight @ torch.randn(4)).square().sum()  # <- new_leaf
