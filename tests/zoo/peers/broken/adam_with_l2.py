# expected: nothing
# weight_decay in Adam, which scales it like a gradient.
# after: torch-audit, TA401 and TA402
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model = nn.Sequential(nn.Linear(10, 12), nn.LayerNorm(12), nn.ReLU(), nn.Linear(12, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=0.01)  # <- nothing
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
