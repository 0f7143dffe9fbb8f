# expected: suspicious_shape
# The weights are to stay near those of the round's start, and the list of these holds the weights themselves.
import torch
from torch import nn

model = nn.Linear(4, 3)
wrt = model
start = list(model.parameters())


def loss():
    near = sum((weight - kept).square().sum() for weight, kept in zip(model.parameters(), start))  # <- suspicious_shape
    return nn.functional.cross_entropy(model(torch.randn(5, 4)), torch.randint(0, 3, (5,))) + 0.1 * near
