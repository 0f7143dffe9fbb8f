# expected: suspicious_shape
# (B, 1) predictions against (B,) targets: all pairs, and the mean is learnt.
# after: torchtest2, README, output_varies (broadcasting)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randn(16)
model = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def criterion(out, target):
    return ((out - target) ** 2).mean()  # <- suspicious_shape


for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
