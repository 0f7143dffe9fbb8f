# expected: ok
# Sequences of different lengths as a nested tensor.
import torch
from torch import nn

model = nn.Linear(4, 3)
wrt = model


def loss():
    rows = torch.nested.nested_tensor([torch.randn(2, 4), torch.randn(5, 4)], layout=torch.jagged)
    output = model(rows)
    return torch.cat(output.unbind()).square().mean()
