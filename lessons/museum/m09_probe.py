"""A linear probe: what does a frozen encoder know? Its features are trained on by a small head alone."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(9)
MICRO_BATCHES = 3


class Encoder(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x):
        return self.layers(x)


class Probe(nn.Module):
    def __init__(self, encoder, classes):
        super().__init__()
        self.encoder = encoder.requires_grad_(False).eval()
        self.head = nn.Linear(32, classes)

    def train(self, mode=True):
        super().train(mode)
        self.encoder.eval()  # its statistics are those that it was trained with
        return self

    def forward(self, x):
        with torch.no_grad():
            features = self.encoder(x)
        return self.head(features)


def known_encoder():
    """Stands for a checkpoint: has seen data once, so that its statistics fit."""
    encoder = Encoder().train()
    with torch.no_grad():
        for _ in range(20):
            encoder(torch.randn(64, 12))
    return encoder


def batches(count, classes=4, size=24):
    directions = torch.randn(classes, 12, generator=torch.Generator().manual_seed(0))
    for _ in range(count):
        inputs = torch.randn(size, 12)
        yield inputs, (inputs @ directions.T).argmax(-1)


def smoothed(logits, labels, amount=0.1):
    """Cross-entropy against labels of which a small share goes to all classes."""
    logs = logits.log_softmax(-1)
    return (1 - amount) * F.nll_loss(logs, labels) - amount * logs.mean()


def step_of(model, optimizer, data):
    """One step on the mean over the micro-batches; gives the loss and the share that was right."""
    optimizer.zero_grad()
    losses, right = [], []
    for inputs, labels in data:
        logits = model(inputs)
        loss = smoothed(logits, labels)
        (loss / MICRO_BATCHES).backward()
        losses.append(loss.detach())
        right.append((logits.argmax(-1) == labels).float().mean())
    nn.utils.clip_grad_norm_(model.head.parameters(), 1.0)
    optimizer.step()
    return torch.stack(losses).mean().item(), torch.stack(right).mean().item()


def main(steps=40):
    model = Probe(known_encoder(), classes=4).train()
    optimizer = torch.optim.SGD(model.head.parameters(), lr=0.3, momentum=0.9)
    for step in range(steps):
        loss, right = step_of(model, optimizer, batches(MICRO_BATCHES))
        if step % 10 == 0:
            print(f"step {step}: loss {loss:.4f}, right {right:.2f}")


if __name__ == "__main__":
    main()
