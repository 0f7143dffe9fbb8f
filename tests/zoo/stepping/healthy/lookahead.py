# Fast weights go back to the slow ones every second step: the slow ones have moved towards them.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
slow = [parameter.detach().clone() for parameter in model.parameters()]
for step in range(4):
    optimizer.zero_grad()
    (model(torch.randn(6, 4)) - 1).square().mean().backward()
    optimizer.step()
    if step % 2 == 1:
        with torch.no_grad():
            for kept, fast in zip(slow, model.parameters(), strict=True):
                kept.lerp_(fast, 0.5)
                fast.copy_(kept)
