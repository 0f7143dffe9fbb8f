# expected: new_leaf
# A convolution's weight is computed by a recurrent cell and wrapped in nn.Parameter, far from where it is read.
import torch
from torch import nn


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 5))

    def forward(self, x):
        return torch.tanh(x @ self.weight)


cell, convolution = nn.GRUCell(5, 5), Convolution()
wrt = cell
start, data = torch.randn(5, 5), torch.randn(3, 5)


def evolve(state):
    convolution.weight = nn.Parameter(state)  # <- new_leaf


def loss():
    evolve(cell(start, start))
    return convolution(data).square().mean()
