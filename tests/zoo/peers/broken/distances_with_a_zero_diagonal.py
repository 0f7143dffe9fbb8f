# expected: non_finite
# The square root of a distance to itself has an infinite derivative.
# after: torchtest2, README, gallery 7; torch-audit, TA100
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(32, 8)

    def forward(self, x):
        z = self.fc(x)
        return (z[:, None] - z[None, :]).pow(2).sum(-1).sqrt()  # <- non_finite


torch.manual_seed(0)
x, y = torch.randn(6, 32), torch.rand(6, 6)
model, criterion = Embedder(), nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
