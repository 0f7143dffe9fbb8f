# A gradient that is not finite is thrown away on purpose.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(4):
    x = torch.randn(3, 4)
    if step == 1:
        x[0, 0] = float("inf")
    optimizer.zero_grad()
    model(x).square().mean().backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    if torch.isfinite(norm):
        optimizer.step()
