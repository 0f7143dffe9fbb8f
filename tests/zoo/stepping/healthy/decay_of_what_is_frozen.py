# One term is made of frozen layers alone until they are thawed: it is a constant so long, and no dead term.
import torch
from torch import nn

body, head = nn.Linear(4, 8), nn.Linear(8, 1)
body.requires_grad_(False)
optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
for epoch in range(4):
    body.requires_grad_(epoch > 1)
    hidden = body(torch.randn(6, 4)).tanh()
    activity = 1e-3 * hidden.pow(2).mean()
    loss = head(hidden).square().mean() + activity
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
