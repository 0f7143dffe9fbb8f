# expected: ok
# Axes cut in place, and views whose sizes only look as if a part had moved: groups in front, as many heads as times.
import torch
from torch import nn

wrt = nn.ModuleList([nn.Linear(6, 6), nn.Linear(8, 8), nn.Conv1d(6, 6, 1)])
x, square, times_first = torch.randn(3, 5, 6), torch.randn(2, 4, 8), torch.randn(5, 4, 6)


def loss():
    heads = wrt[0](x).view(3, 5, 2, 3).transpose(1, 2)
    into_batch = heads.reshape(6, 5, 3)
    together = heads.transpose(1, 2).reshape(3, 5, 6)
    as_many = wrt[1](square).view(2, 4, 4, 2)
    grouped = wrt[2](x.mT).view(3, 2, 3, 5).flatten(0, 1)
    beside = wrt[0](times_first).view(5, 8, 3).transpose(0, 1)
    return sum(part.square().mean() for part in (into_batch, together, as_many, grouped, beside))
