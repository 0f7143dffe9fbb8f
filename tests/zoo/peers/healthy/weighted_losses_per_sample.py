# Weights and losses of one shape; and a mask that opens an axis on purpose.
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x, y, weights = torch.randn(16, 5, 10), torch.rand(16, 5), torch.rand(16)
model = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten())
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def criterion(out, target):
    losses = F.mse_loss(out, target, reduction="none")
    return (losses * weights[:, None]).mean()


for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
