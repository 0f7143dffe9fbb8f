# expected: mode_flips
# eval() after the first epoch, and no train() again.
# after: mldoct, missing eval; torch-audit, TA304 (batch norm)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


def validate(model, x, y):
    model.eval()  # <- mode_flips
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model = nn.Sequential(nn.Linear(10, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model.train()
for epoch in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
    print(validate(model, x, y))
