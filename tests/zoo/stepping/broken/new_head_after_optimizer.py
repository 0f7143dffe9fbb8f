# expected: stale
# The classifier is replaced for the new task after the optimizer was made.
import torch
from torch import nn

model = nn.Sequential()
model.add_module("body", nn.Linear(6, 10))
model.add_module("head", nn.Linear(10, 100))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
model.head = nn.Linear(10, 3)  # <- stale
for _ in range(2):
    loss = nn.functional.cross_entropy(model(torch.randn(8, 6)), torch.randint(0, 3, (8,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
