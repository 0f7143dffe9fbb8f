# The sum for the log drags its graph along; nothing else in it is a loss.
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
running = 0.0
for _ in range(3):
    loss = (model(torch.randn(5, 4)) - 1).square().mean()
    running += loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
mean = float(running) / 3
