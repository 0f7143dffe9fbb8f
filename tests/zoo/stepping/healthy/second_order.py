# A gradient of a gradient: autograd.grad leaves nothing in .grad.
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    x = torch.randn(5, 4)
    inner = (model(x) - 1).square().mean()
    slopes = torch.autograd.grad(inner, list(model.parameters()), create_graph=True)
    fast = [parameter - 0.1 * slope for parameter, slope in zip(model.parameters(), slopes, strict=True)]
    outer = (nn.functional.linear(x, *fast) - 1).square().mean()
    optimizer.zero_grad()
    outer.backward()
    optimizer.step()
