# expected: constant
# The weight is assigned anew after the optimizer was made: the optimizer trains a tensor that nobody uses.
# thread: pytorch/pytorch#14467
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
model[2].weight = nn.Parameter(torch.randn(2, 6) * 0.01)
wrt = [parameter for group in optimizer.param_groups for parameter in group["params"]]


def loss():
    return (model(torch.randn(8, 4)) - 1).square().mean()  # <- constant
