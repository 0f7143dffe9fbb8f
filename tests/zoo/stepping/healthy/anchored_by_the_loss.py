# The model is held near its first weights by a term of the loss, not by hand.
import copy

import torch
from torch import nn

model = nn.Linear(4, 3)
anchor = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    x = torch.randn(6, 4)
    near = sum((a - b).square().sum() for a, b in zip(model.parameters(), anchor.parameters(), strict=True))
    loss = (model(x) - anchor(x) - 1).square().mean() + 0.1 * near
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
