# expected: new_leaf
# torch.tensor(x) of a tensor, to change its dtype.
import warnings

import torch

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    output = model(torch.randn(3, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        doubled = torch.tensor(output, dtype=torch.float64)  # <- new_leaf
    return doubled.square().mean()
