# expected: suspicious_shape
# Per-sample losses of shape (B, 1) times weights of shape (B,): every loss with every weight.
# after: torchtest2, README, output_varies (broadcasting)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x, y, weights = torch.randn(16, 10), torch.rand(16, 1), torch.rand(16)
model = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def criterion(out, target):
    losses = F.binary_cross_entropy_with_logits(out, target, reduction="none")
    return (losses * weights).mean()  # <- suspicious_shape


for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
