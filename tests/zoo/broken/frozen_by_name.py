# expected: frozen
# "freeze everything but the head" by a name that no parameter has.
import torch
from torch import nn

model = nn.Sequential()
model.add_module("backbone", nn.Linear(4, 6))
model.add_module("classifier", nn.Linear(6, 3))
for name, parameter in model.named_parameters():
    parameter.requires_grad = name.startswith("head.")
wrt = model


def loss():
    scores = model(torch.randn(8, 4))  # <- frozen
    return nn.functional.cross_entropy(scores, torch.randint(0, 3, (8,)))
