import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class ModelEma:
    def __init__(self, model, decay):
        self.module = copy.deepcopy(model).eval()
        self.decay = decay
        for p in self.module.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for ema_v, v in zip(self.module.state_dict().values(), model.state_dict().values()):
            if ema_v.dtype.is_floating_point:
                ema_v.mul_(self.decay).add_(v, alpha=1 - self.decay)
            else:
                ema_v.copy_(v)


class SmallNet(nn.Module):
    def __init__(self, n_class=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(30, 96), nn.BatchNorm1d(96), nn.ReLU())
        self.block = nn.Sequential(nn.Linear(96, 96), nn.BatchNorm1d(96), nn.ReLU())
        self.head = nn.Linear(96, n_class)

    def forward(self, x):
        x = self.stem(x)
        return self.head(x + self.block(x))


centers = torch.randn(10, 30)


def sample(n):
    y = torch.randint(0, 10, (n,))
    return centers[y] + 1.3 * torch.randn(n, 30), y


def validate(model, x, y):
    model.eval()
    with torch.no_grad():
        logits = model(x)
    return F.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


train_loader = DataLoader(TensorDataset(*sample(6000)), batch_size=60, shuffle=True, drop_last=True)
x_val, y_val = sample(2000)
model = SmallNet()
model_ema = ModelEma(model, decay=0.99)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)

for epoch in range(12):
    model.train()
    for x, y in train_loader:
        loss = F.cross_entropy(model(x), y, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model_ema.update(model)
    loss_v, acc_v = validate(model, x_val, y_val)
    loss_e, acc_e = validate(model_ema.module, x_val, y_val)
    print(f"epoch {epoch} model loss {loss_v:.3f} acc {acc_v:.3f} | ema loss {loss_e:.3f} acc {acc_e:.3f}")
