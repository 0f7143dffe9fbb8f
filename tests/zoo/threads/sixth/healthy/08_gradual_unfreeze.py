"""Transfer learning: frozen trunk with eval-mode batch norm, then layers join the optimizer later."""
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
        self.block2 = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, x):
        return self.block2(self.block1(x)).mean((2, 3))


class Classifier(nn.Module):
    def __init__(self, trunk, classes):
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(32, classes)
        self.frozen = set()

    def forward(self, x):
        return self.head(self.trunk(x))

    def freeze(self, *names):
        for name in names:
            self.trunk.get_submodule(name).requires_grad_(False)
            self.frozen.add(name)
        return self.train(self.training)

    def unfreeze(self, name):
        module = self.trunk.get_submodule(name).requires_grad_(True)
        self.frozen.discard(name)
        self.train(self.training)
        return list(module.parameters())

    def train(self, mode=True):
        super().train(mode)
        for name in self.frozen:
            self.trunk.get_submodule(name).eval()
        return self


def stripes(n, classes, noise):
    y = torch.randint(0, classes, (n,))
    grid = torch.arange(16).float()
    yy, xx = torch.meshgrid(grid, grid, indexing="ij")
    angle = (y.float() * 3.1416 / classes)[:, None, None]
    img = torch.sin(0.9 * (xx * angle.cos() + yy * angle.sin()) + 6.28 * torch.rand(n, 1, 1))
    return (img + noise * torch.randn(n, 16, 16)).unsqueeze(1), y


def run_epoch(model, optimizer, classes, noise, batches=12):
    model.train()
    total = 0.0
    for _ in range(batches):
        x, y = stripes(48, classes, noise)
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / batches
    return total


@torch.no_grad()
def accuracy(model, classes, noise):
    model.eval()
    x, y = stripes(256, classes, noise)
    return (model(x).argmax(1) == y).float().mean().item()


def main():
    source = Classifier(Trunk(), 4)
    opt = torch.optim.Adam(source.parameters(), lr=3e-3)
    for epoch in range(4):
        print(f"source {epoch} loss {run_epoch(source, opt, 4, 0.3):.4f} acc {accuracy(source, 4, 0.3):.3f}")

    model = Classifier(copy.deepcopy(source.trunk), 6).freeze("block1", "block2")
    opt = torch.optim.Adam(model.head.parameters(), lr=1e-2)
    for epoch in range(9):
        if epoch == 3:
            opt.add_param_group({"params": model.unfreeze("block2"), "lr": 3e-3})
        if epoch == 6:
            opt.add_param_group({"params": model.unfreeze("block1"), "lr": 1e-3})
        loss = run_epoch(model, opt, 6, 0.5)
        free = sum(p.numel() for p in model.parameters() if p.requires_grad)
        print(f"target {epoch} loss {loss:.4f} acc {accuracy(model, 6, 0.5):.3f} trainable {free}")


if __name__ == "__main__":
    main()
