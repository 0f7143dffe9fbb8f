"""Gradient accumulation by sample count with a ragged last group, warm-up and clipping."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
ACCUM = 4


class SmallResNet(nn.Module):
    def __init__(self, classes=5):
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, padding=1)
        self.a = nn.Conv2d(24, 24, 3, padding=1)
        self.b = nn.Conv2d(24, 24, 3, padding=1)
        self.norm = nn.GroupNorm(4, 24)
        self.head = nn.Linear(24, classes)
        nn.init.zeros_(self.b.weight)
        nn.init.zeros_(self.b.bias)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        x = F.relu(x + self.b(F.relu(self.a(x))))
        return self.head(x.mean((2, 3)))


def grouped(loader, size):
    group = []
    for batch in loader:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def make_data(n):
    proto = torch.randn(5, 3, 10, 10)
    kernel = torch.ones(3, 1, 3, 3) / 9
    proto = F.conv2d(proto, kernel, padding=1, groups=3) + 0.5 * torch.randn(5, 3, 1, 1)
    y = torch.randint(0, 5, (n,))
    return TensorDataset(proto[y] + 0.8 * torch.randn(n, 3, 10, 10), y)


def main():
    data = make_data(730)
    train_set, val_set = torch.utils.data.random_split(data, [600, 130])
    loader = DataLoader(train_set, batch_size=16, shuffle=True)
    model = SmallResNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 10))
    for epoch in range(8):
        model.train()
        seen, running, norm = 0, 0.0, torch.tensor(0.0)
        for group in grouped(loader, ACCUM):
            n_group = sum(len(y) for _, y in group)
            for x, y in group:
                loss = F.cross_entropy(model(x), y, reduction="sum")
                (loss / n_group).backward()
                running += loss.item()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            warmup.step()
            seen += n_group
        model.eval()
        with torch.no_grad():
            x, y = next(iter(DataLoader(val_set, batch_size=len(val_set))))
            acc = (model(x).argmax(1) == y).float().mean().item()
        print(f"epoch {epoch} loss {running / seen:.4f} last grad norm {norm:.3f} val acc {acc:.3f}")


if __name__ == "__main__":
    main()
