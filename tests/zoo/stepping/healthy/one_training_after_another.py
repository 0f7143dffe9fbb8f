# What the first training left in .grad is in the first step of the second one, and never again.
import torch
from torch import nn

model = nn.Linear(4, 2)
first = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    first.zero_grad()
    model(torch.randn(6, 4)).square().mean().backward()
    first.step()
second = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(3):
    model(torch.randn(6, 4)).square().mean().backward()
    second.step()
    second.zero_grad()
