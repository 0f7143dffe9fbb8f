# expected: new_leaf new_leaf
# The loss is computed with a deep copy of the model that is trained.
import copy

import torch

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    frozen_copy = copy.deepcopy(model)  # <- new_leaf
    return frozen_copy(torch.randn(3, 4)).square().mean()  # <- new_leaf
