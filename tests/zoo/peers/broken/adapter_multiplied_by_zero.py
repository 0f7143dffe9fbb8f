# expected: zero_gradient
# The scale of a branch is 0 / 8 in integers: the branch never learns.
# after: torch-audit, TA103 (gradients that are exactly zero)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Adapter(nn.Module):
    def __init__(self, rank=4, alpha=1):
        super().__init__()
        self.base = nn.Linear(10, 3)
        self.down, self.up = nn.Linear(10, rank), nn.Linear(rank, 3)
        self.scale = alpha // rank

    def forward(self, x):
        return self.base(x) + self.scale * self.up(self.down(x))  # <- zero_gradient


torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model, criterion = Adapter(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
