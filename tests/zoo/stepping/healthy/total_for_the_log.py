# Two losses go backward one by one; their sum is only printed.
import torch
from torch import nn

one, two = nn.Linear(4, 1), nn.Linear(4, 1)
opt_1 = torch.optim.SGD(one.parameters(), lr=0.01)
opt_2 = torch.optim.SGD(two.parameters(), lr=0.01)
for _ in range(3):
    x = torch.randn(5, 4)
    first = (one(x) - 1).square().mean()
    second = (two(x) + 1).square().mean()
    total = first + second
    opt_1.zero_grad()
    opt_2.zero_grad()
    first.backward()
    second.backward()
    opt_1.step()
    opt_2.step()
    seen = total.item()
