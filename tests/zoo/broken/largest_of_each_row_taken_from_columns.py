# expected: suspicious_shape
# The largest score of each row, (n,), is taken off a square matrix of scores: along its columns, and no shape shows it.
import torch
from torch import nn

wrt = nn.Linear(4, 3)
left, right = torch.randn(5, 4), torch.randn(5, 4)


def loss():
    scores = wrt(left) @ wrt(right).T
    with torch.no_grad():
        largest, _ = torch.max(scores, dim=1)
    shifted = scores / 0.5 - largest / 0.5  # <- suspicious_shape
    return shifted.exp().sum(1).log().mean() - shifted.diagonal().mean()
