# expected: zero_gradient
# Amounts are rounded to two digits before they are compared.
import torch
from torch import nn

model = nn.Linear(4, 1)
wrt = model


def loss():
    amount = torch.round(model(torch.randn(8, 4)).exp(), decimals=2)  # <- zero_gradient
    return (amount - 3.5).abs().mean()
