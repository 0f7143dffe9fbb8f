# Used gradients are shrunk and kept: momentum without a buffer.
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(4):
    (model(torch.randn(6, 4)) - 1).square().mean().backward()
    optimizer.step()
    for parameter in model.parameters():
        parameter.grad *= 0.9
