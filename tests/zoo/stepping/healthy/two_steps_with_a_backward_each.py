# Sharpness-aware: up along the gradient, a second backward() there, back down, and the step is on the second gradient.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(6, 2)
up = torch.optim.SGD(model.parameters(), lr=0.05, maximize=True)
down = torch.optim.SGD(model.parameters(), lr=0.05)
for _ in range(4):
    inputs, targets = torch.randn(5, 6), torch.randn(5, 2)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    down.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    up.step()
    down.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    with torch.no_grad():
        for parameter, kept in zip(model.parameters(), before, strict=True):
            parameter.copy_(kept)
    down.step()
