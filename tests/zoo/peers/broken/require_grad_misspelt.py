# expected: trained_or_frozen_by_mistake
# require_grad is a new attribute and freezes nothing.
# after: TorchFix, TOR002
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion frozen=0
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model = nn.Sequential(nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 3))
for parameter in model[0].parameters():
    parameter.require_grad = False  # <- trained_or_frozen_by_mistake
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
