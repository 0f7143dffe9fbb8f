# expected: ok
# Copies of before, and names for the weights that are meant to be the weights.
import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
before = [p.detach().clone() for p in model.parameters()]
start = copy.deepcopy(model.state_dict())
parameters = list(model.parameters())
for _ in range(3):
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
    loss.backward()
    optimizer.step()
    moved = [(p - old).abs().sum().item() for p, old in zip(parameters, before, strict=True)]
    same = [torch.equal(p, start[name]) for name, p in model.named_parameters()]
    again = [torch.equal(p.grad, g) for p, g in zip(parameters, gradients, strict=True)]
