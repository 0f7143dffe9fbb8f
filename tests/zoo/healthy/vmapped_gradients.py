# expected: ok
# torch.func: per-sample losses by vmap, and a gradient penalty by torch.func.grad.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1))
wrt = dict(model.named_parameters())


def value(weights, point):
    return torch.func.functional_call(model, weights, (point,)).squeeze(-1)


def loss():
    points = torch.randn(5, 3)
    weights = dict(model.named_parameters())
    outputs = torch.vmap(value, in_dims=(None, 0))(weights, points)
    slopes = torch.vmap(torch.func.grad(value, argnums=1), in_dims=(None, 0))(weights, points)
    return outputs.square().mean() + (slopes.norm(dim=-1) - 1).square().mean()
