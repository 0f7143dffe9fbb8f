# expected: trained_or_frozen_by_mistake
# The loop that should free the head frees everything.
# after: torchtest2, README, gallery 6
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion frozen=0
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 32), torch.randint(0, 10, (16,))
model = nn.Sequential(nn.Sequential(nn.Linear(32, 64), nn.ReLU()), nn.Linear(64, 10))
for p in model[0].parameters():
    p.requires_grad = False
for p in model.parameters():
    p.requires_grad = True  # <- trained_or_frozen_by_mistake
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
