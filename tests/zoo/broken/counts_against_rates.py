# expected: suspicious_shape
# Rates (T, B, 1) against counts (T, B), by a loss of torch's own that says nothing of it.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
criterion = nn.PoissonNLLLoss()
wrt = model


def loss():
    inputs, counts = torch.randn(5, 5, 4), torch.randint(0, 4, (5, 5)).float()
    return criterion(model(inputs), counts)  # <- suspicious_shape
