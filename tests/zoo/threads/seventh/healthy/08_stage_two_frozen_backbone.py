import io

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)

BASIS = torch.randn(8, 1, 64)


def signals(n, classes):
    y = torch.randint(0, len(classes), (n,))
    pick = torch.tensor(classes)[y]
    shift = torch.randint(0, 8, (n,))
    x = torch.stack([torch.roll(BASIS[p], int(s), dims=-1) for p, s in zip(pick, shift)])
    return x + 0.7 * torch.randn_like(x), y


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(1, 24, 7, padding=3), nn.BatchNorm1d(24), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(24, 48, 5, padding=2), nn.BatchNorm1d(48), nn.ReLU(), nn.AdaptiveMaxPool1d(4), nn.Flatten(),
        )

    def forward(self, x):
        return self.net(x)


class Model(nn.Module):
    def __init__(self, n_classes, freeze=False):
        super().__init__()
        self.backbone = Backbone()
        self.head = nn.Linear(192, n_classes)
        self.freeze = freeze
        if freeze:
            self.backbone.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        if self.freeze:
            self.backbone.eval()
        return self

    def forward(self, x):
        if self.freeze:
            with torch.no_grad():
                f = self.backbone(x)
        else:
            f = self.backbone(x)
        return self.head(f)


def fit(model, optimizer, x, y, epochs, tag):
    for epoch in range(epochs):
        model.train()
        total, n = 0.0, 0
        for idx in torch.randperm(len(x)).split(32):
            loss = F.cross_entropy(model(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total, n = total + loss.item(), n + 1
        print(f"{tag} epoch {epoch}  loss {total / n:.4f}")


# stage one: five source classes, everything trains
source_x, source_y = signals(480, [0, 1, 2, 3, 4])
first = Model(5)
fit(first, torch.optim.AdamW(first.parameters(), lr=2e-3), source_x, source_y, 5, "source")
blob = io.BytesIO()
torch.save({"model": first.state_dict(), "epoch": 5}, blob)

# stage two: three new classes, new head, new optimizer, backbone as it was
blob.seek(0)
saved = torch.load(blob)
backbone_only = {k: v for k, v in saved["model"].items() if k.startswith("backbone.")}
second = Model(3, freeze=True)
missing, unexpected = second.load_state_dict(backbone_only, strict=False)
print("not in the checkpoint:", missing, "left over:", unexpected)

target_x, target_y = signals(240, [5, 6, 7])
test_x, test_y = signals(240, [5, 6, 7])
optimizer = torch.optim.AdamW([p for p in second.parameters() if p.requires_grad], lr=5e-3)
fit(second, optimizer, target_x, target_y, 8, "target")

second.eval()
with torch.no_grad():
    print("test accuracy", (second(test_x).argmax(1) == test_y).float().mean().item())
