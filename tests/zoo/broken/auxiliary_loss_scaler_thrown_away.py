# expected: unread
# A Function that carries an auxiliary loss on its way back is applied, and the old weights are returned.
import torch
from torch import nn


class CarriesLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, output, extra):
        ctx.save_for_backward(extra)
        return output

    @staticmethod
    def backward(ctx, gradient):
        (extra,) = ctx.saved_tensors
        return gradient, torch.ones_like(extra)


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.scores = nn.Linear(4, 3)

    def forward(self, x):
        weights = self.scores(x).softmax(-1)
        if self.training:
            balance = weights.mean(0).square().sum()
            CarriesLoss.apply(weights, balance)  # <- unread
        return weights


wrt = Gate()
x, values = torch.randn(6, 4), torch.randn(6, 3)


def loss():
    return (wrt(x) * values).sum(-1).square().mean()
