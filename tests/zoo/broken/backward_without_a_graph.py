# expected: custom_function
# To save memory an activation is computed again in backward(), where gradient is off; unused inputs are let by.
import torch
from torch import nn


class Squash(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value, slope):
        ctx.save_for_backward(value, slope)
        return value / (1 + (slope * value).abs())

    @staticmethod
    def backward(ctx, incoming):
        value, slope = (kept.detach().requires_grad_() for kept in ctx.saved_tensors)
        squashed = value / (1 + (slope * value).abs())  # <- custom_function
        squashed.requires_grad_()
        return torch.autograd.grad([squashed], [value, slope], incoming, allow_unused=True)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last, self.slope = nn.Linear(4, 5), nn.Linear(5, 2), nn.Parameter(torch.ones(5))

    def forward(self, x):
        return self.last(Squash.apply(self.first(x), self.slope))


wrt = Model()


def loss():
    return wrt(torch.randn(6, 4)).square().mean()
