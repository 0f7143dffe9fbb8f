# expected: ok
# MAML: the inner step is part of the graph (create_graph=True).
import torch
from torch import nn

model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
wrt = model


def loss():
    total = torch.zeros(())
    for _ in range(2):
        data = torch.randn(6, 1)
        target = data.sin()
        weights = dict(model.named_parameters())
        inner = (torch.func.functional_call(model, weights, (data,)) - target).square().mean()
        slopes = torch.autograd.grad(inner, list(weights.values()), create_graph=True)
        adapted = {name: weight - 0.1 * slope for (name, weight), slope in zip(weights.items(), slopes, strict=True)}
        total = total + (torch.func.functional_call(model, adapted, (data + 1,)) - (data + 1).sin()).square().mean()
    return total / 2
