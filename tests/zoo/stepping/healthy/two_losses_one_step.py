# Two backwards before one step: they add up on purpose.
import torch
from torch import nn

trunk, left, right = nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(8, 2)
parameters = [*trunk.parameters(), *left.parameters(), *right.parameters()]
optimizer = torch.optim.Adam(parameters, lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    left(trunk(torch.randn(5, 4))).square().mean().backward()
    nn.functional.cross_entropy(right(trunk(torch.randn(5, 4))), torch.randint(0, 2, (5,))).backward()
    optimizer.step()
