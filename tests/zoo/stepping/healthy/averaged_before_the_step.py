# The sum of micro-batches is divided by hand, in time.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    for _ in range(4):
        model(torch.randn(3, 4)).square().mean().backward()
    for parameter in model.parameters():
        parameter.grad.div_(4)
    optimizer.step()
    optimizer.zero_grad()
