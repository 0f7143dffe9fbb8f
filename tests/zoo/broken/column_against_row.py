# expected: suspicious_shape
# Predictions of shape (B, 1), targets of shape (B,): the mean is over all pairs.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
wrt = model


def loss():
    inputs, weights = torch.randn(6, 4), torch.rand(6)
    targets = inputs[:, -1] * 0.5
    error = targets - model(inputs)  # <- suspicious_shape
    return (error.square() * weights).sum(0).mean()
