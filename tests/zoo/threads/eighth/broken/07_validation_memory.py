import resource

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def make_scans(n):
    x = torch.randn(n, 1, 32, 32) * 0.5
    y = torch.randint(0, 2, (n,))
    for i in range(n):
        if y[i]:
            r, c = torch.randint(4, 24, (2,)).tolist()
            x[i, 0, r:r + 5, c:c + 5] += 1.5
    return TensorDataset(x, y.float())


class ChestNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1, stride=2), nn.BatchNorm2d(16), nn.ReLU(),
            nn.AdaptiveMaxPool2d(1),
        )
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.features(x).flatten(1)).squeeze(1)


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def epoch_train(model, loader, optimizer, criterion):
    model.train()
    for x, y in loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def epoch_val(model, loader, criterion):
    model.eval()
    loss_val = 0
    n = 0
    for x, y in loader:
        loss = criterion(model(x), y)
        loss_val += loss
        n += 1
    return loss_val / n


model = ChestNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=5)
criterion = nn.BCEWithLogitsLoss()
train_loader = DataLoader(make_scans(640), batch_size=16, shuffle=True)
val_loader = DataLoader(make_scans(1600), batch_size=16)

for epoch in range(3):
    epoch_train(model, train_loader, optimizer, criterion)
    after_train = peak_mb()
    loss_val = epoch_val(model, val_loader, criterion)
    scheduler.step(loss_val.item())
    print(f"epoch {epoch} val loss {loss_val.item():.4f} peak memory after train {after_train:.0f} MB, after validation {peak_mb():.0f} MB")
