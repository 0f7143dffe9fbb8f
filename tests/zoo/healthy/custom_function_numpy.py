# expected: ok
# A custom Function that computes in NumPy and brings its own backward.
import numpy
import torch


class Sine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        ctx.save_for_backward(value)
        return torch.from_numpy(numpy.sin(value.detach().numpy()))

    @staticmethod
    def backward(ctx, gradient):
        (value,) = ctx.saved_tensors
        return gradient * value.cos()


model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    return Sine.apply(model(torch.randn(3, 4))).square().mean()
