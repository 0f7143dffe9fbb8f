import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
RATE, LENGTH = 4000, 1600


def gabor_impulse_response(t, center, fwhm):
    norm = 1.0 / (math.sqrt(2.0 * math.pi) * fwhm)
    envelope = norm[:, None] * torch.exp(-0.5 * (t[None] / fwhm[:, None]) ** 2)
    real = envelope * torch.cos(center[:, None] * t[None])
    imag = envelope * torch.sin(center[:, None] * t[None])
    return real, imag


class GaborConstraint(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.mu_lower, self.mu_upper = 0.0, math.pi
        width = 2 * math.sqrt(2 * math.log(2))
        self.sigma_lower = 4 * width / math.pi
        self.sigma_upper = kernel_size * width / math.pi

    def forward(self, kernel):
        with torch.no_grad():
            mu = kernel[:, 0].clamp(self.mu_lower, self.mu_upper)
            sigma = kernel[:, 1].clamp(self.sigma_lower, self.sigma_upper)
            return torch.stack([mu, sigma], dim=1)


class GaborConv1d(nn.Module):
    def __init__(self, filters=12, kernel_size=101):
        super().__init__()
        self.kernel_size = kernel_size
        centers = torch.linspace(0.1, 1.2, filters)
        widths = torch.full((filters,), 12.0)
        self._kernel = nn.Parameter(torch.stack([centers, widths], dim=1))
        self.constraint = GaborConstraint(kernel_size)

    def forward(self, x):
        kernel = self.constraint(self._kernel)
        t = torch.arange(-(self.kernel_size // 2), self.kernel_size // 2 + 1, dtype=torch.float32)
        real, imag = gabor_impulse_response(t, kernel[:, 0], kernel[:, 1])
        pad = self.kernel_size // 2
        re = F.conv1d(x, real[:, None], padding=pad, stride=2)
        im = F.conv1d(x, imag[:, None], padding=pad, stride=2)
        return re ** 2 + im ** 2


class Frontend(nn.Module):
    def __init__(self, filters=12):
        super().__init__()
        self.conv = GaborConv1d(filters)
        self.pool = nn.AvgPool1d(40, 20)
        self.norm = nn.InstanceNorm1d(filters, affine=True)

    def forward(self, x):
        return self.norm(torch.log(self.pool(self.conv(x)) + 1e-5))


class KeywordNet(nn.Module):
    def __init__(self, n_classes, filters=12):
        super().__init__()
        self.frontend = Frontend(filters)
        self.conv = nn.Conv1d(filters, 32, 5, padding=2)
        self.bn = nn.BatchNorm1d(32)
        self.fc = nn.Linear(32, n_classes)

    def forward(self, wave):
        h = F.relu(self.bn(self.conv(self.frontend(wave))))
        return self.fc(h.mean(-1))


def make_audio(n, n_classes=5):
    y = torch.randint(0, n_classes, (n,))
    t = torch.arange(LENGTH) / RATE
    start = 400 + 220.0 * y.float()
    sweep = 250.0 + 60 * torch.randn(n)
    freq = start[:, None] + sweep[:, None] * t[None] * (1 - 2 * (y % 2)[:, None])
    wave = torch.sin(2 * math.pi * torch.cumsum(freq, 1) / RATE + torch.rand(n, 1) * 6.28)
    return (wave + 0.5 * torch.randn(n, LENGTH)).unsqueeze(1), y


train_x, train_y = make_audio(320)
test_x, test_y = make_audio(160)
loader = DataLoader(TensorDataset(train_x, train_y), batch_size=32, shuffle=True)
model = KeywordNet(5)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-6)

for epoch in range(5):
    model.train()
    running = 0.0
    for wave, label in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(wave), label)
        loss.backward()
        optimizer.step()
        running += loss.item()
    model.eval()
    with torch.no_grad():
        acc = (model(test_x).argmax(1) == test_y).float().mean().item()
    centers = model.frontend.conv._kernel.detach()[:3, 0].tolist()
    print(f"epoch {epoch}  loss {running / len(loader):.4f}  acc {acc:.3f}  first centers {[round(c, 4) for c in centers]}")
