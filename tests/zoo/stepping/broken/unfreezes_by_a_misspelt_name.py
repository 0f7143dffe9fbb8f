# expected: trained_or_frozen_by_mistake
# The body is frozen, and what is to unfreeze it later sets an attribute that nothing reads.
import torch
from torch import nn

body, head = nn.Linear(4, 8), nn.Linear(8, 1)
for parameter in body.parameters():
    parameter.requires_grad = False
optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)


def unfreeze(module):
    for parameter in module.parameters():
        parameter.require_grad = True  # <- trained_or_frozen_by_mistake


for epoch in range(4):
    if epoch == 3:
        unfreeze(body)
    optimizer.zero_grad()
    head(body(torch.randn(6, 4)).tanh()).square().mean().backward()
    optimizer.step()
