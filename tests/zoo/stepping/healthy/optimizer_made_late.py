# The optimizer is made in the loop, after the first loss.
import torch
from torch import nn

model, optimizer = nn.Linear(6, 2), None
for _ in range(3):
    loss = (model(torch.randn(5, 6)) - 1).square().mean()
    if optimizer is None:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
