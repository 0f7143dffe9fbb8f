import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)


def synth_volumes(n, size=16, gain=1.0, offset=0.0):
    grid = torch.stack(torch.meshgrid(*[torch.arange(size).float()] * 3, indexing="ij"))
    raw = torch.randn(n, 1, size, size, size) * 0.5
    label = torch.zeros(n, 1, size, size, size)
    for i in range(n):
        centre = torch.rand(3, 1, 1, 1) * (size - 8) + 4
        radius = float(torch.rand(1)) * 2 + 2.5
        label[i, 0] = (((grid - centre) ** 2).sum(0) < radius ** 2).float()
    raw = raw + label * 1.5
    return gain * raw + offset, label


class DoubleConv(nn.Sequential):
    def __init__(self, cin, cout):
        super().__init__(
            nn.Conv3d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm3d(cout), nn.ReLU(),
            nn.Conv3d(cout, cout, 3, padding=1, bias=False), nn.BatchNorm3d(cout), nn.ReLU(),
        )


class UNet3D(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.enc1 = DoubleConv(1, width)
        self.enc2 = DoubleConv(width, 2 * width)
        self.drop = nn.Dropout3d(0.2)
        self.dec1 = DoubleConv(3 * width, width)
        self.final = nn.Conv3d(width, 1, 1)

    def forward(self, x):
        e1 = self.enc1(x)
        e2 = self.drop(self.enc2(F.max_pool3d(e1, 2)))
        up = F.interpolate(e2, size=e1.shape[2:], mode="nearest")
        return self.final(self.dec1(torch.cat([up, e1], 1)))


class UNet3DTrainer:
    def __init__(self, model, optimizer, scheduler, loaders, max_iterations, validate_after):
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.loaders = loaders
        self.loss_criterion = nn.BCEWithLogitsLoss()
        self.max_iterations, self.validate_after = max_iterations, validate_after
        self.num_iterations = 0
        self.best = 0.0

    def fit(self):
        while self.num_iterations < self.max_iterations:
            self.train()

    def train(self):
        self.model.train()
        for raw, target in self.loaders["train"]:
            loss = self.loss_criterion(self.model(raw), target)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.num_iterations += 1
            if self.num_iterations % self.validate_after == 0:
                val_loss, score = self.validate()
                self.scheduler.step(score)
                self.best = max(self.best, score)
                print(f"iteration {self.num_iterations:3d}  train {loss.item():.4f}  val {val_loss:.4f}  IoU {score:.4f}")
            if self.num_iterations >= self.max_iterations:
                return

    def validate(self):
        total, inter, union, n = 0.0, 0.0, 0.0, 0
        with torch.no_grad():
            for raw, target in self.loaders["val"]:
                logits = self.model(raw)
                total += self.loss_criterion(logits, target).item() * len(raw)
                pred = logits > 0
                inter += (pred & (target > 0.5)).sum().item()
                union += (pred | (target > 0.5)).sum().item()
                n += len(raw)
        return total / n, inter / max(union, 1.0)


train_set = TensorDataset(*synth_volumes(32))
val_set = TensorDataset(*synth_volumes(12, gain=1.1, offset=0.1))
loaders = {
    "train": DataLoader(train_set, batch_size=4, shuffle=True),
    "val": DataLoader(val_set, batch_size=1),
}
model = UNet3D()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=3)
trainer = UNet3DTrainer(model, optimizer, scheduler, loaders, max_iterations=48, validate_after=8)
trainer.fit()
print("best IoU", round(trainer.best, 4))
