# expected: detach left_torch new_leaf
# A NumPy metric on detached output, wrapped into a tensor again.
import numpy
import torch

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    output = model(torch.randn(3, 4))
    array = output.detach().numpy()  # <- detach left_torch
    return torch.from_numpy(numpy.tanh(array)).mean()  # <- new_leaf
