# expected: left_torch new_leaf
# torch.FloatTensor over a list of numbers.
import torch

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    values = [row.sum().item() for row in model(torch.randn(3, 4))]  # <- left_torch
    return torch.FloatTensor(values).square().mean()  # <- new_leaf
