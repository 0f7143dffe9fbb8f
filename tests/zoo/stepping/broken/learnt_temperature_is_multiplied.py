# expected: not_held
# An operation behind nn.Parameter: what is kept is a result of it, and the leaf belongs to nobody.
import torch
from torch import nn


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(5, 3)
        self.temperature = nn.Parameter(torch.ones(1)).expand(3)

    def forward(self, x):
        return self.out(x) + self.temperature


model = Head()
optimizer = torch.optim.Adam(model.parameters())  # <- not_held
for _ in range(3):
    loss = nn.functional.cross_entropy(model(torch.randn(4, 5)), torch.randint(0, 3, (4,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
