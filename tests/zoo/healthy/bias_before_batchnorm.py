# expected: ok
# A convolution bias before BatchNorm: its gradient is rounding noise.
import torch
from torch import nn

model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 16, 2))
wrt = model


def loss():
    return model(torch.randn(4, 1, 6, 6)).logsumexp(-1).mean()
