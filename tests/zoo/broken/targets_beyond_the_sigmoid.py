# expected: targets_misread
# Temperatures in degrees, and an output between 0 and 1.
import torch
from torch import nn

layer = nn.Linear(8, 1)
wrt, x, degrees = layer, torch.randn(6, 8), torch.tensor([[-4.0], [12], [21], [0.5], [33], [18]])


def loss():
    predicted = torch.sigmoid(layer(x))  # <- targets_misread
    return nn.functional.mse_loss(predicted, degrees)
