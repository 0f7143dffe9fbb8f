# expected: zero_gradient
# Logits in the hundreds: the probabilities are exactly 0 and 1, and clamping for the log finishes them.
import torch
from torch import nn

model = nn.Linear(4, 1)
nn.init.constant_(model.weight, 0.0)
nn.init.constant_(model.bias, 300.0)
wrt = model


def loss():
    probability = model(torch.rand(6, 4)).sigmoid()
    probability = probability.clamp(1e-4, 1 - 1e-4)  # <- zero_gradient
    return -(1 - probability).log().mean()
