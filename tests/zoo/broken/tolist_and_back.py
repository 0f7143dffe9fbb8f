# expected: left_torch new_leaf
# A tensor through a Python list and back.
import torch

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    output = model(torch.randn(3, 4))
    rows = output.tolist()  # <- left_torch
    return torch.tensor(rows).square().mean()  # <- new_leaf
