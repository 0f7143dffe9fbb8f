# Gradients of the inputs are part of the loss; the inputs are nobody's parameters.
import torch
from torch import nn

critic = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)
for _ in range(2):
    x = torch.randn(6, 4, requires_grad=True)
    slope = torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0]
    loss = critic(x).mean() + 10 * (slope.norm(dim=1) - 1).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
