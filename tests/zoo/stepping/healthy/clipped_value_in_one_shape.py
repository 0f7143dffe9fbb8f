# The worse of two errors of a value, all in one shape; and the nearest of several centres, each against each.
import torch
from torch import nn

torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
centres = nn.Parameter(torch.randn(5))
optimizer = torch.optim.Adam([*critic.parameters(), centres], lr=1e-2)
for _ in range(2):
    states = torch.randn(5, 4)
    with torch.no_grad():
        before = critic(states)
        returns = before + torch.randn(5, 1)
    value = critic(states)
    clipped = before + (value - before).clamp(-0.2, 0.2)
    loss = torch.max((returns - value) ** 2, (returns - clipped) ** 2).mean()
    nearest = (value.detach() - centres).square().min(dim=1).values.mean()
    optimizer.zero_grad()
    (loss + nearest).backward()
    optimizer.step()
