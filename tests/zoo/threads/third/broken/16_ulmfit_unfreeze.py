"""Sentiment classifier on top of a (pretend) pretrained LM, last-to-first unfreezing."""
import torch
import torch.nn as nn

torch.manual_seed(31)
V, T = 40, 10


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, 16)
        self.rnn1 = nn.GRU(16, 24, batch_first=True)
        self.rnn2 = nn.GRU(24, 24, batch_first=True)

    def forward(self, x):
        h, _ = self.rnn1(self.emb(x))
        h, _ = self.rnn2(h)
        return h


class Classifier(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Sequential(nn.Linear(48, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        h = self.backbone(x)
        return self.head(torch.cat([h.mean(1), h.max(1).values], 1))


def freeze(module):
    for param in module.parameters():
        param.requires_grad = False


def unfreeze(module):
    for param in module.parameters():
        param.require_grad = True


def docs(n=32):
    x = torch.randint(0, V, (n, T))
    y = ((x < 20).float().mean(1) > 0.5).long()
    return x, y


model = Classifier(Backbone())
freeze(model.backbone)
criterion = nn.CrossEntropyLoss()
schedule = {0: None, 1: model.backbone.rnn2, 2: model.backbone.rnn1, 3: model.backbone.emb}
optimizer = torch.optim.Adam([
    {"params": model.head.parameters(), "lr": 1e-2},
    {"params": model.backbone.parameters(), "lr": 3e-3},
])

for epoch in range(5):
    if schedule.get(epoch) is not None:
        unfreeze(schedule[epoch])
    tot, hit = 0.0, 0
    for _ in range(6):
        x, y = docs()
        logits = model(x)
        loss = criterion(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item()
        hit += (logits.argmax(1) == y).sum().item()
    print(f"epoch {epoch} loss {tot / 6:.4f} acc {hit / 192:.3f}")
