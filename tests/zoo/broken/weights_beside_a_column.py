# expected: suspicious_shape
# A weight for each sample, (batch,), times an error of two pieces for each, (batch, 1): each weighs all of them.
import torch
from torch import nn

wrt = nn.Linear(4, 1)
x, wanted, trust = torch.randn(6, 4), torch.randn(6, 1), torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])


def pinball(error):
    return torch.maximum(0.9 * error.abs(), -0.1 * error)


def loss():
    error = pinball(wanted - wrt(x))
    return (error * trust).sum() / trust.sum()  # <- suspicious_shape
