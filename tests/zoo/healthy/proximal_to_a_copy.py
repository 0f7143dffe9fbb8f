# expected: ok
# The weights stay near a copy of those of the round's start; and a value less itself, detached, is 0 and has a gradient.
import torch
from torch import nn

model = nn.Linear(4, 3)
wrt = model
start = [parameter.detach().clone() for parameter in model.parameters()]


def loss():
    near = sum((weight - kept).square().sum() for weight, kept in zip(model.parameters(), start, strict=True))
    scores = model(torch.randn(5, 4)).log_softmax(-1)[:, 0]
    reward = torch.randn(5)
    return -(reward * (scores - scores.detach()).exp()).mean() + 0.1 * near
