# expected: ok
# A custom Function in the form with setup_context, differentiated once.
import torch
from torch.autograd.function import once_differentiable


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(value, scale):
        return scale * value**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        value, ctx.scale = inputs
        ctx.save_for_backward(value)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (value,) = ctx.saved_tensors
        return 3 * ctx.scale * value.square() * gradient, None


model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    return Cube.apply(model(torch.randn(3, 4)), 0.5).square().mean()
