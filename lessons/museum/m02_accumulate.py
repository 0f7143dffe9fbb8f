"""Trains with batches that are too large for the memory: four micro-batches make one step."""

import math

import torch
from torch import nn

torch.manual_seed(2)
MICRO_BATCHES, SIZE = 4, 8


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh())
        self.head = nn.Linear(24, 1)

    def forward(self, x):
        return self.head(self.body(x)).squeeze(-1)


class Sines:
    """Pairs of a point and a sum of sines there, with a little noise."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)
        self.directions = torch.randn(3, 5, generator=self.generator)

    def batch(self, size):
        points = torch.randn(size, 5, generator=self.generator)
        values = torch.sin(points @ self.directions.T).sum(-1)
        return points, values + 0.05 * torch.randn(size, generator=self.generator)


def rate_at(step, warmup=5, total=60, highest=0.05):
    if step < warmup:
        return highest * (step + 1) / warmup
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def set_rate(optimizer, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate


def train_one_step(model, optimizer, data):
    """One step of the optimizer on the mean over all micro-batches; gives that mean."""
    total = 0.0
    for _ in range(MICRO_BATCHES):
        points, values = data.batch(SIZE)
        optimizer.zero_grad()
        loss = (model(points) - values).square().mean() / MICRO_BATCHES
        loss.backward()
        total += loss.item()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return total


def evaluate(model, data, size=256):
    points, values = data.batch(size)
    model.eval()
    with torch.no_grad():
        error = (model(points) - values).square().mean().item()
    model.train()
    return error


def main(steps=60):
    model, data = Regressor(), Sines(seed=7)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)
    for step in range(steps):
        set_rate(optimizer, rate_at(step, total=steps))
        loss = train_one_step(model, optimizer, data)
        if step % 20 == 0:
            print(f"step {step}: loss {loss:.4f}")
    print(f"error {evaluate(model, data):.4f}")


if __name__ == "__main__":
    main()
