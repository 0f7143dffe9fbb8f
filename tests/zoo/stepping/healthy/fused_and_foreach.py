# Two players, one with a fused optimizer and one that steps tensor by tensor.
import torch
from torch import nn

one, two = nn.Linear(4, 4), nn.Linear(4, 1)
fused = torch.optim.Adam(one.parameters(), lr=1e-3, fused=True)
single = torch.optim.SGD(two.parameters(), lr=1e-3, momentum=0.9, foreach=False)
for _ in range(3):
    fused.zero_grad()
    single.zero_grad(set_to_none=False)
    two(one(torch.randn(5, 4)).relu()).square().mean().backward()
    fused.step()
    single.step()
