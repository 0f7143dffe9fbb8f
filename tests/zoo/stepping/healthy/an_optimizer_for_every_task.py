# expected: ok
# Each task has a copy and an optimizer of its own, which steps once; plain SGD that is made in the loop keeps nothing.
import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
outer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    outer.zero_grad()
    for _ in range(2):
        x = torch.randn(8, 4)
        task = copy.deepcopy(model)
        inner = torch.optim.SGD(task.parameters(), lr=0.1)
        nn.functional.mse_loss(task(x), x.sum(1, keepdim=True)).backward()
        inner.step()
        after = nn.functional.mse_loss(task(x), x.sum(1, keepdim=True))
        gradients = torch.autograd.grad(after, list(task.parameters()))
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
    outer.step()
for _ in range(5):
    plain = torch.optim.SGD(model.parameters(), lr=1e-2)
    x = torch.randn(8, 4)
    plain.zero_grad()
    nn.functional.mse_loss(model(x), x.sum(1, keepdim=True)).backward()
    plain.step()
