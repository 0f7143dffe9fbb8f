# expected: non_finite
# thread: OpenRLHF/OpenRLHF#1240
# What lies behind a text's end is marked with NaN, and weighed with 0 in the loss.
import torch
from torch import nn

wrt = nn.Linear(4, 3)
states, over = torch.randn(6, 4), torch.arange(6) > 3


def old():
    with torch.no_grad():
        return torch.where(over, float("nan"), wrt(states)[:, 0])  # <- non_finite


def loss():
    ratio = (wrt(states)[:, 0] - old()).exp()
    return (ratio * (~over)).sum() / (~over).sum()
