# expected: custom_function
# A hand-written backward returns None for its input.
import torch


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        return value * 2

    @staticmethod
    def backward(ctx, gradient):
        return None


model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    output = Scale.apply(model(torch.randn(3, 4)))  # <- custom_function
    return output.square().mean()
