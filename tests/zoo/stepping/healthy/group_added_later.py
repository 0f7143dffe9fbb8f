# Gradual unfreezing: the body joins the optimizer in the second step.
import torch
from torch import nn

body, head = nn.Linear(4, 6), nn.Linear(6, 2)
body.requires_grad_(False)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
for step in range(4):
    if step == 2:
        body.requires_grad_(True)
        optimizer.add_param_group({"params": body.parameters(), "lr": 0.01})
    optimizer.zero_grad()
    head(body(torch.randn(5, 4)).relu()).square().mean().backward()
    optimizer.step()
