import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
ACCUM = 4


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv1d(1, 16, 5, padding=2), nn.BatchNorm1d(16), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv1d(16, 32, 5, stride=2, padding=2), nn.BatchNorm1d(32), nn.ReLU())

    def forward(self, x):
        return self.layer2(self.layer1(x)).mean(dim=2)


def signals(n, freqs):
    y = torch.randint(0, len(freqs), (n,))
    t = torch.arange(48).float()
    x = torch.sin(torch.tensor(freqs)[y].unsqueeze(1) * t + 6.28 * torch.rand(n, 1)) + 0.6 * torch.randn(n, 48)
    return x.unsqueeze(1), y


backbone = Backbone()
old_head = nn.Linear(32, 4)
opt = torch.optim.Adam([*backbone.parameters(), *old_head.parameters()], lr=3e-3)
for _ in range(150):
    x, y = signals(64, [0.2, 0.6, 1.1, 1.9])
    loss = F.cross_entropy(old_head(backbone(x)), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
print(f"pretraining loss {loss.item():.3f}")


class Finetuned(nn.Module):
    def __init__(self, backbone, n_class):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(32, n_class)
        for p in self.backbone.parameters():
            p.requires_grad = False

    def train(self, mode=True):
        super().train(mode)
        for m in self.backbone.modules():
            if isinstance(m, nn.BatchNorm1d):
                m.eval()
        return self

    def forward(self, x):
        return self.head(self.backbone(x))


new_freqs = [0.3, 0.45, 0.6, 1.4, 1.6]
train_loader = DataLoader(TensorDataset(*signals(1010, new_freqs)), batch_size=20, shuffle=True)
x_val, y_val = signals(500, new_freqs)
model = Finetuned(backbone, len(new_freqs))
optimizer = torch.optim.Adam(model.head.parameters(), lr=1e-2)

for epoch in range(15):
    if epoch == 5:
        for p in model.backbone.layer2.parameters():
            p.requires_grad = True
        optimizer.add_param_group({"params": model.backbone.layer2.parameters(), "lr": 1e-3})
    model.train()
    optimizer.zero_grad()
    for i, (x, y) in enumerate(train_loader):
        first = (i // ACCUM) * ACCUM
        group = min(ACCUM, len(train_loader) - first)
        loss = F.cross_entropy(model(x), y) / group
        loss.backward()
        if (i + 1) % ACCUM == 0 or i + 1 == len(train_loader):
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        logits = model(x_val)
    if epoch % 2 == 0:
        acc = (logits.argmax(1) == y_val).float().mean().item()
        print(f"epoch {epoch} val loss {F.cross_entropy(logits, y_val).item():.3f} acc {acc:.3f}")
