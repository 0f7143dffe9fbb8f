# expected: ok
# What a square matrix is reduced to, laid over it the right way: by column, as a column, from both sides, of another.
import torch
from torch import nn

wrt = nn.Linear(4, 3)
left, right = torch.randn(5, 4), torch.randn(5, 4)


def loss():
    scores = wrt(left) @ wrt(right).T
    by_column = scores - scores.max(dim=0).values
    by_row = scores - scores.logsumexp(-1, keepdim=True)
    weights = by_column.exp()
    degrees = weights.sum(1)
    scaled = weights / degrees.sqrt() / degrees.sqrt().unsqueeze(1)
    per_column = (wrt(left) @ wrt(left).T).square().sum(1)
    of_another = scores - per_column
    return by_row.diagonal().mean() + scaled.square().mean() + of_another.square().mean()
