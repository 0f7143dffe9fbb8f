import dataclasses
import torch
from torch import nn

torch.manual_seed(0)


@dataclasses.dataclass
class Settings:
    epochs: int = 12
    batch: int = 32
    lr: float = 0.05
    warmup: int = 2


class WarmupLinear:
    def __init__(self, optimizer, warmup, total):
        self.optimizer, self.warmup, self.total = optimizer, warmup, total
        self.base = [g["lr"] for g in optimizer.param_groups]
        self.count = 0

    def factor(self):
        if self.count < self.warmup:
            return (self.count + 1) / self.warmup
        return max(0.0, (self.total - self.count) / (self.total - self.warmup))

    def step(self):
        self.count += 1
        for group, base in zip(self.optimizer.param_groups, self.base):
            group["lr"] = base * self.factor()


class Trainer:
    def __init__(self, cfg, data):
        self.cfg, self.data = cfg, data
        self.model = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=cfg.lr, momentum=0.9)
        self.scheduler = WarmupLinear(self.optimizer, cfg.warmup, cfg.epochs)

    def train_step(self, x, y):
        loss = nn.functional.mse_loss(self.model(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        return loss.item()

    def fit(self):
        x, y = self.data
        for epoch in range(self.cfg.epochs):
            parts = torch.randperm(len(x)).split(self.cfg.batch)
            mean = sum(self.train_step(x[i], y[i]) for i in parts) / len(parts)
            if epoch % 3 == 0:
                print(f"epoch {epoch} loss {mean:.4f}")


x = torch.randn(1024, 8)
y = torch.sin(x[:, :1] * 2) + x[:, 1:2] * x[:, 2:3]
Trainer(Settings(), (x, y)).fit()
