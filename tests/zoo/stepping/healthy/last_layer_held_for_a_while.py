# DINO: the last layer's gradient is taken away in the first epoch.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    (model(torch.randn(5, 4)) - 1).square().mean().backward()
    for parameter in model[2].parameters():
        parameter.grad = None
    optimizer.step()
