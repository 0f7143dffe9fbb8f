import functools
import torch
from torch import nn

torch.manual_seed(0)


def evaluating(method):
    @functools.wraps(method)
    def wrapped(self, *args, **kwargs):
        self.model.eval()
        with torch.no_grad():
            return method(self, *args, **kwargs)
    return wrapped


class ConvNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(2, 16, 5, padding=2), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(16, 16, 5, padding=2), nn.BatchNorm1d(16), nn.ReLU(), nn.AdaptiveAvgPool1d(1),
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(16, classes),
        )

    def forward(self, x):
        return self.net(x)


def readings(n):
    y = torch.randint(3, (n,))
    t = torch.linspace(0, 1, 40)
    wave = torch.sin(6.28 * (3 + 3 * y[:, None]) * t + 6.28 * torch.rand(n, 1))
    x = torch.stack([wave, wave.roll(3, dims=1)], dim=1) * 8 + 20
    return x + 2 * torch.randn_like(x), y


class Trainer:
    def __init__(self):
        self.model = ConvNet(3)
        self.optim = torch.optim.Adam(self.model.parameters(), lr=3e-3)

    def train_step(self, x, y):
        loss = nn.functional.cross_entropy(self.model(x), y)
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return loss.item()

    @evaluating
    def validate(self, x, y):
        return (self.model(x).argmax(1) == y).float().mean().item()

    def fit(self, steps, check):
        self.model.train()
        for step in range(steps):
            loss = self.train_step(*readings(48))
            if step % check == 0:
                print(f"step {step} loss {loss:.3f} val {self.validate(*readings(300)):.3f} mode training={self.model.training}")


Trainer().fit(steps=120, check=20)
