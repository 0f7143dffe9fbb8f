# expected: nothing
# The same BatchNorm stands behind two layers, and its statistics are of both.
# after: torch-audit, TA501
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.out = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x):
        x = self.norm(self.one(x)).relu()
        return self.out(self.norm(self.two(x) * 5 + 3).relu())  # <- nothing


torch.manual_seed(0)
x, y = torch.randn(16, 8), torch.randint(0, 3, (16,))
model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
