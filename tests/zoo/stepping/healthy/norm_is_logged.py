# An infinite limit reads the norm and clips nothing, after the step as well.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).square().mean().backward()
    optimizer.step()
    norm = nn.utils.clip_grad_norm_(model.parameters(), float("inf")).item()
