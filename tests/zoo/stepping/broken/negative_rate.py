# expected: climbs
# A rate with the wrong sign, from a schedule of one's own.
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)  # <- climbs
for step in range(3):
    for group in optimizer.param_groups:
        group["lr"] = 0.1 * (step - 5) / 5
    optimizer.zero_grad()
    (model(torch.randn(6, 4)) - 1).square().mean().backward()
    optimizer.step()
