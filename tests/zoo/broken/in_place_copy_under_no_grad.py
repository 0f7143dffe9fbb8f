# expected: grad_disabled
# Adapted weights are copied into the model under no_grad, as the error about leaf variables suggests.
import torch
from torch import nn

context, model = nn.Linear(3, 4), nn.Linear(4, 1)
wrt = {"context": context}


def loss():
    shift = context(torch.randn(3))
    with torch.no_grad():
        model.weight.add_(0.1 * shift)  # <- grad_disabled
    return (model(torch.randn(6, 4)) - 1).square().mean()
