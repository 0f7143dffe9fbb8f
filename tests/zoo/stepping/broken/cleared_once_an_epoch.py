# expected: not_cleared
# zero_grad() stands in the outer loop.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(2):
    optimizer.zero_grad()
    for _ in range(3):
        loss = (model(torch.randn(3, 4)) - 1).square().mean()
        loss.backward()  # <- not_cleared
        optimizer.step()
