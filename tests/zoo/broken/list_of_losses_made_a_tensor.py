# expected: new_leaf
# Numbers that carry their gradients are gathered in a list, and the tensor made of it begins anew.
import torch
from torch import nn

wrt = nn.Linear(3, 1)
x, wanted = torch.randn(4, 2, 3), torch.randn(4)


def loss():
    found = [wrt(part).sum() for part in x]
    found = torch.tensor(found, requires_grad=True)  # <- new_leaf
    return nn.functional.mse_loss(found, wanted)
