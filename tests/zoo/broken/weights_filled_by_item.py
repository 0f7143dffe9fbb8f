# expected: left_torch
# A weight vector is filled entry by entry with .item().
import torch
from torch import nn

scorer, values = nn.Linear(4, 1), torch.randn(6)
wrt = scorer


def loss():
    weights = torch.zeros(6)
    for place, row in enumerate(torch.randn(6, 4)):
        weights[place] = scorer(row).sigmoid().item()  # <- left_torch
    return (weights * values).sum()
