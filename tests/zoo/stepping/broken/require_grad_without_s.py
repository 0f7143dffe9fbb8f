# expected: trained_or_frozen_by_mistake
# The backbone is frozen in a loop by an attribute that torch does not know.
import torch
from torch import nn

torch.manual_seed(0)
backbone, head = nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 2)
for parameter in backbone.parameters():
    parameter.require_grad = False  # <- trained_or_frozen_by_mistake
optimizer = torch.optim.SGD([*backbone.parameters(), *head.parameters()], lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    head(backbone(torch.randn(3, 4))).square().mean().backward()
    optimizer.step()
