# expected: targets_misread
# Several genres may hold at once, and the last layer makes its outputs sum to one.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(
    nn.Linear(8, 16),
    nn.ReLU(),
    nn.Linear(16, 4),
    nn.Softmax(dim=1),  # <- targets_misread
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.BCELoss()
for _ in range(3):
    x, genres = torch.randn(12, 8), (torch.rand(12, 4) > 0.4).float()
    optimizer.zero_grad()
    criterion(model(x), genres).backward()
    optimizer.step()
