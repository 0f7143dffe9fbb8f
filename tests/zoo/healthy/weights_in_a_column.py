# expected: ok
# Weights beside errors of the same shape, a weight for each column, and all pairs of two axes that were opened for it.
import torch
from torch import nn

wrt = nn.Linear(4, 1)
x, wanted, trust = torch.randn(6, 4), torch.randn(6, 1), torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
levels = torch.tensor([0.1, 0.5, 0.9])


def loss():
    error = wanted - wrt(x)
    pinball = torch.where(error > 0, 0.9 * error, -0.1 * error)
    levelled = torch.maximum(levels * error, (levels - 1) * error)
    apart = (wrt(x).squeeze(1)[:, None] - wanted.squeeze(1)[None]).abs() * trust
    return (pinball * trust[:, None]).sum() / trust.sum() + levelled.mean() + apart.mean()
