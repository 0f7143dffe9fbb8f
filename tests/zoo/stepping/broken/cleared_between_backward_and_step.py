# expected: cleared_early
# zero_grad() stands where nobody can learn from what it clears.
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    loss = model(torch.randn(5, 4)).square().mean()
    loss.backward()
    optimizer.zero_grad()  # <- cleared_early
    optimizer.step()
