# One of two groups has rate 0 on purpose.
import torch
from torch import nn

body, head = nn.Linear(4, 6), nn.Linear(6, 2)
groups = [{"params": body.parameters(), "lr": 0.0}, {"params": head.parameters(), "lr": 0.1}]
optimizer = torch.optim.SGD(groups)
for _ in range(2):
    optimizer.zero_grad()
    head(body(torch.randn(3, 4)).relu()).square().mean().backward()
    optimizer.step()
