# The same grid in nn.ModuleList.
import torch
from torch import nn


class Experts(nn.Module):
    def __init__(self, rows, columns):
        super().__init__()
        self.gate = nn.Linear(4, columns)
        self.grid = nn.ModuleList(nn.ModuleList(nn.Linear(4, 4) for _ in range(columns)) for _ in range(rows))
        self.history = [nn.Linear(4, 4)]

    def forward(self, x):
        weights = self.gate(x).softmax(-1)
        for row in self.grid:
            x = sum(weights[:, i : i + 1] * expert(x) for i, expert in enumerate(row))
        return x


model = Experts(2, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(2):
    optimizer.zero_grad()
    (model(torch.randn(5, 4)) - 1).square().mean().backward()
    optimizer.step()
