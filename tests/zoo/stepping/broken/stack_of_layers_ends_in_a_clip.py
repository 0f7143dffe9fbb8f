# expected: zero_gradient
# Each layer of a stack gets its activation, the last one too; the answers lie where that one is flat.
from collections import OrderedDict

import torch
from torch import nn


def stack(*sizes):
    layers = OrderedDict()
    for number, (before, after) in enumerate(zip(sizes, sizes[1:], strict=False)):
        layers[f"linear{number}"] = nn.Linear(before, after)
        layers[f"clip{number}"] = nn.ReLU6()  # <- zero_gradient
    return nn.Sequential(layers)


class Thermometer(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = stack(4, 16, 1)
        nn.init.constant_(self.body.linear1.bias, -20.0)

    def forward(self, x):
        return self.body(x)


model = Thermometer()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    (model(x).squeeze(1) + 20 - x.sum(1)).square().mean().backward()
    optimizer.step()
