# expected: one_for_several
# A head for each task, made by multiplying a list: all tasks share one head, and each pulls it its own way.
import torch
from torch import nn


def head(width):
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))


class Tasks(nn.Module):
    names = ("age", "height", "weight")

    def __init__(self, width=6):
        super().__init__()
        self.body = nn.Linear(4, width)
        made = len(self.names) * [head(width)]  # <- one_for_several
        self.heads = nn.ModuleDict(dict(zip(self.names, made, strict=True)))

    def forward(self, x):
        code = self.body(x).tanh()
        return {name: self.heads[name](code).squeeze(1) for name in self.names}


model = Tasks()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(2):
    x = torch.randn(8, 4)
    told = model(x)
    optimizer.zero_grad()
    sum((one - x[:, place]).abs().mean() for place, one in enumerate(told.values())).backward()
    optimizer.step()
