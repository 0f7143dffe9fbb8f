# One block for all depths and one encoder for both sides, by name: the list says that they are the same.
import torch
from torch import nn


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(6, 6)] * 3)
        encoder = nn.Linear(4, 6)
        self.sides = nn.ModuleList([encoder] * 2)

    def forward(self, left, right):
        x = self.sides[0](left) * self.sides[1](right)
        for block in self.blocks:
            x = x + block(x).tanh()
        return x


model = Deep()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    model(torch.randn(8, 4), torch.randn(8, 4)).square().mean().backward()
    optimizer.step()
