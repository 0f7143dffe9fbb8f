# expected: climbs
# A reward's maximize=True was left in for a loss.
# after: torchtest2, README, overfit_batch (the loss does not fall)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
model, criterion = nn.Sequential(nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 3)), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, maximize=True)  # <- climbs
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
