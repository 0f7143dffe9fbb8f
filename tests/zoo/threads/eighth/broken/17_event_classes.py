import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(1)
NAMES = ["airplane", "anchor", "beaver", "camera", "dolphin", "elephant", "ferry", "garfield"]
prototypes = {name: torch.randn(24) for name in NAMES}


def record(split, per_class):
    """One recording a row: (file name, event histogram), named like split/class/number."""
    rows = []
    for name in NAMES:
        for k in range(per_class):
            rate = F.softplus(prototypes[name] + 0.6 * torch.randn(24))
            rows.append((f"{split}/{name}/{k:04d}", torch.poisson(rate * 4)))
    order = torch.randperm(len(rows)).tolist()
    return [rows[i] for i in order]


class EventDataset(Dataset):
    def __init__(self, rows):
        self.classes = []
        for path, _ in rows:
            name = path.split("/")[1]
            if name not in self.classes:
                self.classes.append(name)
        self.files = [path for path, _ in rows]
        self.hists = torch.stack([hist for _, hist in rows])
        self.labels = [self.classes.index(path.split("/")[1]) for path in self.files]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, idx):
        return torch.log1p(self.hists[idx]), self.labels[idx]


train_set = EventDataset(record("training", 120))
val_set = EventDataset(record("validation", 30))
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=64)

model = nn.Sequential(nn.Linear(24, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, len(train_set.classes)))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)


def run_epoch(loader, train):
    model.train(train)
    loss_sum = correct = count = 0
    with torch.set_grad_enabled(train):
        for events, labels in loader:
            logits = model(events)
            loss = F.cross_entropy(logits, labels)
            if train:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(labels)
            correct += (logits.argmax(1) == labels).sum().item()
            count += len(labels)
    return loss_sum / count, correct / count


for epoch in range(10):
    train_loss, train_acc = run_epoch(train_loader, True)
    val_loss, val_acc = run_epoch(val_loader, False)
    scheduler.step()
    print(f"epoch {epoch} train {train_loss:.3f} / {train_acc:.3f} validation {val_loss:.3f} / {val_acc:.3f}")
