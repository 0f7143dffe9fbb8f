# expected: cancels
# A second stage is given the residual of a value whose copy was not detached: the gradients of both cancel.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
wrt = model


def loss():
    features = model(torch.randn(2, 4))
    first = features * 1.0
    residual = features - first  # <- cancels
    return (residual + torch.randn(2, 3)).square().mean()
