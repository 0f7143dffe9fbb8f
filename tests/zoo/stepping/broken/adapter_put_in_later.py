# expected: stale
# A layer is wrapped after the optimizer was made, and the wrapper has a new weight.
import torch
from torch import nn


class Slim(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.weight = nn.Parameter(layer.weight.detach().clone() * 0.5)

    def forward(self, x):
        return nn.functional.linear(x, self.weight)


net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
net[0] = Slim(net[0])  # <- stale
for _ in range(2):
    optimizer.zero_grad()
    net(torch.randn(3, 4)).square().mean().backward()
    optimizer.step()
