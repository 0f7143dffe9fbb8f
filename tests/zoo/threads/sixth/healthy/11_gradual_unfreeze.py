"""Transfer learning for text: train the head first, unfreeze encoder layers one by one later."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(21)
VOCAB, DIM, SEQ, CLASSES = 60, 32, 10, 3


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, DIM)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(DIM, DIM), nn.GELU(), nn.LayerNorm(DIM), nn.Dropout(0.1))
            for _ in range(3))

    def forward(self, ids):
        h = self.emb(ids)
        for layer in self.layers:
            h = h + layer(h)
        return h.mean(1)


class Classifier(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(DIM, CLASSES)

    def frozen(self):
        return not any(p.requires_grad for p in self.encoder.parameters())

    def train(self, mode=True):
        super().train(mode)
        for layer in self.encoder.layers:
            if not next(layer.parameters()).requires_grad:
                layer.eval()
        return self

    def forward(self, ids):
        if self.frozen():
            with torch.no_grad():
                h = self.encoder(ids)
        else:
            h = self.encoder(ids)
        return self.head(h)


def corpus(n):
    y = torch.randint(0, CLASSES, (n,))
    ids = torch.randint(0, VOCAB, (n, SEQ))
    hint = torch.rand(n, SEQ) < 0.35
    topical = y.unsqueeze(1) * 20 + torch.randint(0, 20, (n, SEQ))
    return torch.where(hint, topical, ids), y


model = Classifier(Encoder())
model.encoder.requires_grad_(False)
optimizer = torch.optim.AdamW(model.head.parameters(), lr=1e-2)
ids, y = corpus(1200)
val_ids, val_y = corpus(300)

plan = {3: 2, 5: 1, 7: 0}          # epoch -> encoder layer to unfreeze
for epoch in range(12):
    if epoch in plan:
        layer = model.encoder.layers[plan[epoch]].requires_grad_(True)
        optimizer.add_param_group({"params": layer.parameters(), "lr": 3e-3})
    if epoch == 9:
        model.encoder.emb.requires_grad_(True)
        optimizer.add_param_group({"params": model.encoder.emb.parameters(), "lr": 3e-3})
    model.train()
    total = 0.0
    for idx in torch.randperm(len(y)).split(64):
        loss = F.cross_entropy(model(ids[idx]), y[idx])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx) / len(y)
    model.eval()
    with torch.no_grad():
        acc = (model(val_ids).argmax(-1) == val_y).float().mean().item()
    print(f"epoch {epoch:2d} groups {len(optimizer.param_groups)} loss {total:.4f} val acc {acc:.3f}")
