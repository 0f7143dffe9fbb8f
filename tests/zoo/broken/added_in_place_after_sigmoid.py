# expected: changed_in_place
# A skip connection is added in place into what sigmoid keeps for its backward pass.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 4)
wrt = model


def loss():
    inputs = torch.randn(2, 4)
    gate = torch.sigmoid(model(inputs))
    gate += inputs  # <- changed_in_place
    return gate.square().mean()
