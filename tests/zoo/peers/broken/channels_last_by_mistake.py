# expected: nothing
# (N, H, W, C) images in a network for (N, C, H, W).
# after: torch-audit, TA303
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.rand(8, 32, 32, 3), torch.randint(0, 3, (8,))
model = nn.Sequential(nn.Conv2d(32, 4, (3, 1)), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
model(x)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()  # <- nothing
    optimizer.step()
