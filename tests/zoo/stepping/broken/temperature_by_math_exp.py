# expected: left_torch
# The temperature learns its logarithm, and math.exp takes it for a plain number.
import math

import torch
from torch import nn


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 4)
        self.log_scale = nn.Parameter(torch.tensor(0.0))

    def forward(self, x):
        scale = math.exp(min(self.log_scale, 4.6))  # <- left_torch
        return scale * self.layer(x)


torch.manual_seed(0)
model = Scaled()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    x, y = torch.randn(8, 6), torch.randint(0, 4, (8,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
