# expected: cleared_early
# A loop over the parameters clears them by hand, one line too early.
import torch
from torch import nn

model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    model(torch.randn(2, 4)).square().sum().backward()
    for parameter in model.parameters():
        parameter.grad = None  # <- cleared_early
    optimizer.step()
