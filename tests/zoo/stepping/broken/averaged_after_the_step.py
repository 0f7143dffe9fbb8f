# expected: changed_too_late
# The gradient is divided by the number of micro-batches where nobody reads it any more.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    for _ in range(4):
        model(torch.randn(3, 4)).square().mean().backward()
    optimizer.step()
    for parameter in model.parameters():
        parameter.grad.div_(4)  # <- changed_too_late
    optimizer.zero_grad()
