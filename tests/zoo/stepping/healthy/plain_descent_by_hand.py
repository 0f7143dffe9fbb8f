# No optimizer for the second layer: a line of the loop moves it.
import torch
from torch import nn

one, two = nn.Linear(4, 4), nn.Linear(4, 1)
optimizer = torch.optim.Adam(one.parameters(), lr=1e-3)
for _ in range(3):
    two(one(torch.randn(5, 4)).tanh()).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
    for parameter in two.parameters():
        parameter.data -= 0.01 * parameter.grad
        parameter.grad.zero_()
