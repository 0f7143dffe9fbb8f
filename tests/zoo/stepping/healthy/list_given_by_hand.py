# A plain list of layers whose parameters the optimizer was given one by one.
import torch
from torch import nn

layers = [nn.Linear(4, 4) for _ in range(3)]
optimizer = torch.optim.Adam([parameter for layer in layers for parameter in layer.parameters()], lr=1e-3)
for _ in range(2):
    x = torch.randn(5, 4)
    for layer in layers:
        x = layer(x).tanh()
    optimizer.zero_grad()
    x.square().mean().backward()
    optimizer.step()
