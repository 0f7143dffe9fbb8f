# expected: mode_flips
# no_grad around the validation, and the batch norm learns its statistics.
# after: mldoct, no_grad without eval
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


def validate(model, x, y):
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()  # <- mode_flips


torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
held_out = torch.randn(16, 10) + 3, torch.randint(0, 3, (16,))
model = nn.Sequential(nn.Linear(10, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
    print(validate(model, *held_out))
