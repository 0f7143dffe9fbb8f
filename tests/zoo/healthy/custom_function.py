# expected: ok
# A custom Function whose backward works.
import torch


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        return value.view_as(value)

    @staticmethod
    def backward(ctx, gradient):
        return -0.5 * gradient


model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    return Reverse.apply(model(torch.randn(3, 4))).square().mean()
