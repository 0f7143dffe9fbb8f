# expected: nothing
# Images of bytes go into a network unscaled.
# after: torch-audit, TA301
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randint(0, 256, (16, 3, 8, 8)).float(), torch.randint(0, 3, (16,))
model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()  # <- nothing
    optimizer.step()
