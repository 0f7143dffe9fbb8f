# expected: targets_misread
# Several genres may hold at once, and the loss is for one class a sample.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()  # <- targets_misread
for _ in range(3):
    x, genres = torch.randn(12, 8), (torch.rand(12, 4) > 0.4).float()
    optimizer.zero_grad()
    criterion(model(x), genres).backward()
    optimizer.step()
