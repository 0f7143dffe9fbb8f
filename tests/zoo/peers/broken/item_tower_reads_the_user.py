# expected: unread
# Both towers are given the user's half of the features.
# after: torchtest2, README, gallery 4
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class TwoTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.user = nn.Linear(16, 8)
        self.item = nn.Linear(16, 8)

    def forward(self, x):
        u, i = x[:, :16], x[:, 16:]
        return (self.user(u) * self.item(u)).sum(-1)  # <- unread


torch.manual_seed(0)
x, y = torch.randn(16, 32), torch.rand(16)
model, criterion = TwoTower(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
