# expected: ok
# backward() gives None where that is right: for a number of bits, a fixed scale, and a scale that is not asked for.
import torch
from torch import nn


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, bits, value, scale, fixed):
        ctx.save_for_backward(value, scale, fixed)
        return value * scale * fixed

    @staticmethod
    def backward(ctx, gradient):
        value, scale, fixed = ctx.saved_tensors
        if not ctx.needs_input_grad[2]:
            return None, gradient * scale * fixed, None, None
        return None, gradient * scale * fixed, (gradient * value * fixed).sum(), None


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.register_buffer("fixed", torch.tensor(2.0))

    def forward(self, x):
        x = self.linear(Scale.apply(4, x, self.scale, self.fixed))
        return Scale.apply(4, x, self.fixed, self.fixed)


wrt = Net()
x = torch.randn(3, 4)


def loss():
    return wrt(x).square().mean()
