# The last, incomplete round of an epoch is dropped: its gradients are cleared, unused, once.
import torch
from torch import nn

model = nn.Linear(6, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
for epoch in range(2):
    optimizer.zero_grad()
    for number in range(5):
        (model(torch.randn(4, 6)) - 1).square().mean().backward()
        if number % 2 == 1:
            optimizer.step()
            optimizer.zero_grad()
