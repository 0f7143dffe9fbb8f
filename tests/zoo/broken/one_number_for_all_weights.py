# expected: units_alike
# Every layer's weights are set to one number: the hidden units are copies of each other.
import torch
from torch import nn

wrt = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
x, labels = torch.randn(5, 4), torch.tensor([0, 1, 1, 0, 1])
for layer in (wrt[0], wrt[2]):
    nn.init.constant_(layer.weight, 0.1)
    nn.init.zeros_(layer.bias)


def loss():
    return nn.functional.cross_entropy(wrt(x), labels)  # <- units_alike
