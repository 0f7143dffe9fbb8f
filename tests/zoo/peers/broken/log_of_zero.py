# expected: non_finite
# A cross entropy by hand takes the logarithm of a probability that is exactly 0.
# after: torchtest2, README, output_finite; torch-audit, TA100
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


def criterion(logits, labels):
    p = torch.softmax(logits, dim=1)
    return -torch.log(p[torch.arange(len(labels)), labels]).mean()  # <- non_finite


torch.manual_seed(0)
x, y = torch.randn(16, 10) * 300, torch.randint(0, 3, (16,))
model = nn.Linear(10, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
