# The average follows the model.
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import copy

import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model, criterion = nn.Linear(10, 3), nn.CrossEntropyLoss()
average = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), model.parameters()):
            slow.lerp_(fast, 0.1)
