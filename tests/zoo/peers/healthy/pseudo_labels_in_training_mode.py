# A pass in training mode under no_grad makes the targets of the next one: its statistics are meant.
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model = nn.Sequential(nn.Linear(10, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    with torch.no_grad():
        targets = model(x + 0.1).softmax(1)
    optimizer.zero_grad()
    criterion(model(x), targets).backward()
    optimizer.step()
