# expected: never_stepped
# The accumulation never fills up: fewer batches than the condition asks for.
import torch
from torch import nn

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
accumulate = 16
for epoch in range(2):
    for number in range(6):
        model(torch.randn(3, 4)).square().mean().backward()
        if (number + 1) % accumulate == 0:  # <- never_stepped
            optimizer.step()
            optimizer.zero_grad()
