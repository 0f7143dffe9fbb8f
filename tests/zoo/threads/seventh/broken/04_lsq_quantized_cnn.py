import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def grad_scale(x, g):
    y = x * g
    return x.detach() - y.detach() + y


def round_pass(x):
    return x + (x.round() - x).detach()


class LSQQuantizer(nn.Module):
    def __init__(self, bits, signed):
        super().__init__()
        if signed:
            self.qn, self.qp = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        else:
            self.qn, self.qp = 0, 2 ** bits - 1
        self.scale = None

    def forward(self, x):
        if self.scale is None:
            self.scale = nn.Parameter(2 * x.detach().abs().mean() / math.sqrt(self.qp))
        g = 1.0 / math.sqrt(x.numel() * self.qp)
        s = grad_scale(self.scale, g)
        q = round_pass((x / s).clamp(self.qn, self.qp))
        return q * s


class QConv(nn.Conv2d):
    def __init__(self, cin, cout, k, bits=3, first=False, **kw):
        super().__init__(cin, cout, k, **kw)
        self.w_quant = LSQQuantizer(bits, signed=True)
        self.a_quant = LSQQuantizer(bits, signed=first)

    def forward(self, x):
        return F.conv2d(self.a_quant(x), self.w_quant(self.weight), self.bias, self.stride, self.padding)


class QNet(nn.Module):
    def __init__(self, n_classes=6):
        super().__init__()
        self.conv1 = QConv(1, 16, 3, bits=4, first=True, padding=1)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = QConv(16, 24, 3, stride=2, padding=1)
        self.bn2 = nn.BatchNorm2d(24)
        self.conv3 = QConv(24, 32, 3, stride=2, padding=1)
        self.bn3 = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32, n_classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(self.bn3(self.conv3(x)))
        return self.fc(x.mean(dim=(2, 3)))


def make_data(n, n_classes=6):
    y = torch.randint(0, n_classes, (n,))
    grid = torch.linspace(0, 1, 16)
    yy, xx = torch.meshgrid(grid, grid, indexing="ij")
    angle = y.float() * math.pi / n_classes
    phase = torch.rand(n, 1, 1) * 6.28
    wave = torch.sin(18 * (torch.cos(angle)[:, None, None] * xx + torch.sin(angle)[:, None, None] * yy) + phase)
    return (wave + 0.6 * torch.randn(n, 16, 16)).unsqueeze(1), y


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


xtr, ytr = make_data(512)
xte, yte = make_data(256)
loader = DataLoader(TensorDataset(xtr, ytr), batch_size=32, shuffle=True)

model = QNet()
params = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.SGD(params, lr=0.05, momentum=0.9, weight_decay=1e-4)
epochs = 5
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader))

for epoch in range(epochs):
    model.train()
    total = 0.0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item()
    print(f"epoch {epoch}  loss {total / len(loader):.4f}  test acc {evaluate(model, xte, yte):.3f}")
print({n: round(m.scale.item(), 5) for n, m in model.named_modules() if isinstance(m, LSQQuantizer)})
