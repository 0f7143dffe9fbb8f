# expected: not_held
# The list is written over in each turn: the optimizer gets the last member of the ensemble.
import torch
from torch import nn

ensemble = nn.ModuleList(nn.Linear(4, 1) for _ in range(3))
for member in ensemble:
    parameters = list(member.parameters())  # <- not_held
optimizer = torch.optim.SGD(parameters, lr=0.1)
for _ in range(2):
    x = torch.randn(6, 4)
    optimizer.zero_grad()
    sum((member(x) - 1).square().mean() for member in ensemble).backward()
    optimizer.step()
