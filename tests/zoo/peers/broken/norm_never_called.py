# expected: constant
# A LayerNorm is defined, and forward goes past it.
# after: torchtest2, README, quick start; torch-audit, TA500
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU())
        self.norm = nn.LayerNorm(64)  # <- constant
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.encoder(x))


torch.manual_seed(0)
x, y = torch.randn(16, 32), torch.randint(0, 10, (16,))
model, criterion = Classifier(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
