# expected: discrete_op
# Only the answers above the 80 % quantile count; the count of them is the loss.
import torch
from torch import nn

scorer = nn.Linear(4, 1)
wrt = scorer


def loss():
    scores = scorer(torch.randn(20, 4)).squeeze(-1)
    keep = scores >= torch.quantile(scores, 0.8)  # <- discrete_op
    return (torch.randn(20) * keep).sum() / keep.sum()
