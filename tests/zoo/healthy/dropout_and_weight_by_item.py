# expected: ok
# A weight from .item() scales a live term.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
wrt = model


def loss():
    first = model(torch.randn(5, 4)).square().mean()
    second = model(torch.randn(5, 4)).abs().mean()
    return first + (first.item() / (second.item() + 1e-6)) * second
