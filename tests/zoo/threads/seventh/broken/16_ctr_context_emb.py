import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)

FIELDS = {
    "user": {"user_id": 200, "gender": 3},
    "item": {"item_id": 150, "category": 12},
}


class FieldEmbedding(nn.Module):
    def __init__(self, sizes, dim):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(n, dim) for n in sizes])
        for t in self.tables:
            nn.init.normal_(t.weight, std=0.1)

    def forward(self, x):
        return torch.stack([t(x[:, i]) for i, t in enumerate(self.tables)], dim=1)


class ContextEmbeddingLayer(nn.Module):
    """Looks up token features per side (user / item) and history items."""

    def __init__(self, fields, dim):
        super().__init__()
        self.dim = dim
        self.types = list(fields)
        self.token_embedding_table = {}
        for side, spec in fields.items():
            self.token_embedding_table[side] = FieldEmbedding(list(spec.values()), dim)

    def forward(self, feats, history):
        out = {side: self.token_embedding_table[side](feats[side]) for side in self.types}
        item_table = self.token_embedding_table["item"].tables[0]
        return out, item_table(history)


class InterestNet(nn.Module):
    def __init__(self, fields, dim=16):
        super().__init__()
        self.embedding_layer = ContextEmbeddingLayer(fields, dim)
        self.att = nn.Sequential(nn.Linear(3 * dim, 32), nn.PReLU(), nn.Linear(32, 1))
        n_fields = sum(len(v) for v in fields.values())
        self.mlp = nn.Sequential(
            nn.Linear(dim * (n_fields + 1), 64), nn.ReLU(),
            nn.Dropout(0.1), nn.Linear(64, 1),
        )

    def forward(self, user, item, history):
        emb, hist = self.embedding_layer({"user": user, "item": item}, history)
        target = emb["item"][:, :1].expand_as(hist)
        w = self.att(torch.cat([hist, target, hist * target], -1)).softmax(dim=1)
        interest = (w * hist).sum(1)
        flat = torch.cat([emb["user"].flatten(1), emb["item"].flatten(1), interest], dim=1)
        return self.mlp(flat).squeeze(1)


def synth(n):
    user = torch.stack([torch.randint(0, 200, (n,)), torch.randint(0, 3, (n,))], 1)
    item = torch.stack([torch.randint(0, 150, (n,)), torch.randint(0, 12, (n,))], 1)
    hist = torch.randint(0, 150, (n, 6))
    score = (U[user[:, 0]] * V[item[:, 0]]).sum(1) + 0.5 * bias[item[:, 1]]
    return user, item, hist, (torch.sigmoid(2 * score) > torch.rand(n)).float()


def auc(scores, y):
    order = scores.argsort()
    rank = torch.empty_like(order, dtype=torch.float)
    rank[order] = torch.arange(1, len(y) + 1, dtype=torch.float)
    pos = y.sum()
    return ((rank[y == 1].sum() - pos * (pos + 1) / 2) / (pos * (len(y) - pos))).item()


U, V, bias = torch.randn(200, 4), torch.randn(150, 4), torch.randn(12)
train_set, valid = TensorDataset(*synth(12000)), synth(2000)
loader = DataLoader(train_set, batch_size=256, shuffle=True)

model = InterestNet(FIELDS)
print("parameters:", sum(p.numel() for p in model.parameters()))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(10):
    model.train()
    total = 0.0
    for user, item, hist, y in loader:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(user, item, hist), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        val = auc(model(*valid[:3]), valid[3])
    print(f"epoch {epoch} loss {total / len(loader):.4f} valid auc {val:.4f}")
