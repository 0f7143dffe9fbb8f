# Sums that a mask has gone over before, a penalty of the weights added to each sample, a scale of one number.
import torch
from torch import nn

model, scale = nn.Linear(4, 3), nn.Parameter(torch.ones(6, 2))
optimizer = torch.optim.Adam([*model.parameters(), scale], lr=1e-2)
for _ in range(2):
    x, there = torch.randn(6, 5, 4), torch.rand(6, 5) > 0.3
    each = model(x).square().sum(-1)
    kept = (each * there).sum() / there.sum()
    penalty = 1e-3 * sum(weight.square().sum() for weight in model.parameters())
    per_sample = (model(x).abs().mean(-1) * there).mean(1) + penalty
    spread = (scale.mean() * torch.randn(6)).square().mean()
    optimizer.zero_grad()
    (kept + per_sample.mean() + spread).backward()
    optimizer.step()
