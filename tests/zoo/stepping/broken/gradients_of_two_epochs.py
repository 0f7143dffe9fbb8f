# expected: cleared_early
# Accumulation over two batches, and a clearing at the head of each of them by the model's own method.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)


def micro_batch(last):
    model.zero_grad()  # <- cleared_early
    (model(torch.randn(4, 5)) - 1).square().mean().div(2).backward()
    if last:
        optimizer.step()


for number in range(6):
    micro_batch(number % 2 == 1)
