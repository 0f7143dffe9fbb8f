import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(10)
random.seed(10)


class ResBlock(nn.Module):
    def __init__(self, dim, survive):
        super().__init__()
        self.survive = survive
        self.fc = nn.Linear(dim, dim, bias=False)
        self.bn = nn.BatchNorm1d(dim)

    def forward(self, x):
        if self.training:
            if random.random() > self.survive:
                return x
            return x + F.relu(self.bn(self.fc(x)))
        return x + self.survive * F.relu(self.bn(self.fc(x)))


class Net(nn.Module):
    def __init__(self, dim=24, depth=3):
        super().__init__()
        self.stem = nn.Linear(8, dim)
        self.blocks = nn.Sequential(*[ResBlock(dim, 1.0 - 0.4 * i / depth) for i in range(depth)])
        self.head = nn.Linear(dim, 3)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)))


x = torch.randn(192, 8)
y = x[:, :3].argmax(1)
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
swa_model = AveragedModel(model)
swa_scheduler = SWALR(optimizer, swa_lr=0.05, anneal_epochs=1)
accumulation = 2

for epoch in range(3):
    model.train()
    optimizer.zero_grad()
    total = 0.0
    for i, (xb, yb) in enumerate(loader):
        loss = F.cross_entropy(model(xb), yb, label_smoothing=0.05)
        (loss / accumulation).backward()
        total += loss.item()
        if (i + 1) % accumulation == 0:
            optimizer.step()
            optimizer.zero_grad()
    if epoch >= 1:
        swa_model.update_parameters(model)
        swa_scheduler.step()
    print(f"epoch {epoch} loss {total / len(loader):.4f}")

update_bn(loader, swa_model)
swa_model.eval()
with torch.no_grad():
    print(f"swa loss {F.cross_entropy(swa_model(x), y).item():.4f}")
