# expected: zero_gradient
# A triplet margin that every example meets already: the term is 0 and stays 0.
import torch
from torch import nn

model = nn.Linear(4, 3)
wrt = model


def loss():
    anchor = model(torch.randn(6, 4))
    far = anchor + 100
    gap = (anchor - 1).square().sum(-1) - (anchor - far).square().sum(-1)
    return {
        "norm": anchor.square().mean(),
        "triplet": torch.relu(gap + 0.2).mean(),  # <- zero_gradient
    }
