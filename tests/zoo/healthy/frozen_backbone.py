# expected: ok
# A frozen backbone under a head that learns.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
model[0].requires_grad_(False)
wrt = model


def loss():
    return model(torch.randn(3, 4)).square().mean()
