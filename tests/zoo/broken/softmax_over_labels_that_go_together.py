# expected: targets_misread
# Several labels may hold at once, and the outputs are made to sum to one.
import torch
from torch import nn

wrt = nn.Linear(8, 4)
x = torch.randn(6, 8)
labels = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]).repeat(2, 1)


def loss():
    shares = wrt(x).softmax(dim=1)  # <- targets_misread
    return nn.functional.binary_cross_entropy(shares, labels)
