# expected: ok
# A loss that computes its gradient in forward: it is what backward() is called on, and what comes in is 1.
import torch
from torch import nn


class Huber(torch.autograd.Function):
    @staticmethod
    def forward(ctx, found, wanted):
        gap = found - wanted
        ctx.save_for_backward(gap.clamp(-1, 1) / gap.numel())
        return torch.where(gap.abs() < 1, gap.square() / 2, gap.abs() - 0.5).mean()

    @staticmethod
    def backward(ctx, grad_output):
        (gradient,) = ctx.saved_tensors
        return gradient, None


model = nn.Linear(4, 2)
wrt = model


def loss():
    return Huber.apply(model(torch.randn(5, 4)), torch.randn(5, 2))
