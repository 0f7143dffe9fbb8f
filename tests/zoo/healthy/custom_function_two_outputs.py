# expected: ok
# A custom Function with an index beside its value: the index is marked as not differentiable.
import torch


class Best(torch.autograd.Function):
    @staticmethod
    def forward(ctx, scores):
        value, index = scores.max(-1)
        ctx.save_for_backward(index)
        ctx.mark_non_differentiable(index)
        ctx.width = scores.shape[-1]
        return value, index

    @staticmethod
    def backward(ctx, gradient, _):
        (index,) = ctx.saved_tensors
        return torch.nn.functional.one_hot(index, ctx.width) * gradient.unsqueeze(-1)


model = torch.nn.Linear(4, 5)
wrt = model
bonus = torch.randn(5)


def loss():
    value, index = Best.apply(model(torch.randn(12, 4)))
    return (value - bonus[index]).square().mean()
