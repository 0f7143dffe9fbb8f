# expected: never_stepped
# A rate of 1e-12 changes no bit of a float32 weight.
# after: torchtest2, README, gallery 10; torchmortem, update ratio
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


def build(lr):
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
    return model, torch.optim.SGD(model.parameters(), lr=lr)  # <- never_stepped


torch.manual_seed(0)
x, y = torch.randn(16, 32), torch.randint(0, 10, (16,))
model, optimizer = build(1e-12)
criterion = nn.CrossEntropyLoss()
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
