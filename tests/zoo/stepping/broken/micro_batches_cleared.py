# expected: cleared_early
# Four micro-batches a step, and each begins with zero_grad(): the first three are lost.
import torch
from torch import nn

model = nn.Linear(6, 2)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for number in range(8):
    optimizer.zero_grad()  # <- cleared_early
    loss = nn.functional.cross_entropy(model(torch.randn(4, 6)), torch.randint(0, 2, (4,))) / 4
    loss.backward()
    if number % 4 == 3:
        optimizer.step()
