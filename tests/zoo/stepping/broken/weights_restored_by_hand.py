# expected: overwritten
# A "best so far" that is always copied back.
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)  # <- overwritten
best = [parameter.detach().clone() for parameter in model.parameters()]
for _ in range(3):
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), best, strict=True):
            parameter.copy_(value)
    optimizer.zero_grad()
    (model(torch.randn(6, 4)) - 1).square().mean().backward()
    optimizer.step()
