# expected: ok
# Statements that are calls and drop nothing: in place, a module's apply, a warm-up, a look at a value; a Function used.
import torch
from torch import nn


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        return value.view_as(value)

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.relu = nn.ReLU()
        self.export = False

    def forward(self, x):
        h = self.linear(x)
        self.relu(h)
        self.relu.apply(lambda module: module.train())
        h.sum()
        h.masked_fill_(x > 2, 0.0)
        if self.export:
            Reverse.apply(h)
            h.clamp(0, 1)
        torch.nn.functional.relu(h, inplace=True)
        return Reverse.apply(h)


wrt = Net()
wrt.apply(lambda module: module.train())
x = torch.randn(6, 4)


def loss():
    return wrt(x).square().mean()
