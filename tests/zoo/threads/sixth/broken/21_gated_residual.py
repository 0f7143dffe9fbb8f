"""Residual attention network for ratings predicted from a user's recent items."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(5)
ITEMS, DIM, HIST = 80, 32, 8


class ChannelGate(nn.Module):
    def __init__(self, dim, reduction=4):
        super().__init__()
        self.squeeze = nn.Linear(dim, dim // reduction)
        self.excite = nn.Linear(dim // reduction, dim)

    def forward(self, x):
        s = F.relu(self.squeeze(x.mean(1)))
        return x * torch.sigmoid(self.excite(s)).unsqueeze(1)


class ResidualGroup(nn.Module):
    def __init__(self, dim, n_units=2):
        super().__init__()
        self.proj = nn.ModuleList(nn.Linear(dim, dim) for _ in range(n_units))
        self.gates = nn.ModuleList(ChannelGate(dim) for _ in range(n_units))

    def forward(self, x):
        out = x
        for proj, gate in zip(self.proj, self.gates):
            out += gate(F.gelu(proj(out)))
        return out


class RatingNet(nn.Module):
    def __init__(self, groups=2):
        super().__init__()
        self.item = nn.Embedding(ITEMS, DIM)
        self.inp = nn.Linear(DIM, DIM)
        self.groups = nn.ModuleList(ResidualGroup(DIM) for _ in range(groups))
        self.norm = nn.LayerNorm(DIM)
        self.out = nn.Linear(2 * DIM, 1)

    def forward(self, history, candidate):
        h = self.inp(self.item(history))
        for group in self.groups:
            h = group(h)
        pooled = self.norm(h).mean(1)
        return self.out(torch.cat([pooled, self.item(candidate)], dim=-1)).squeeze(-1)


def make_ratings(n):
    taste = torch.randn(ITEMS)
    history = torch.randint(0, ITEMS, (n, HIST))
    candidate = torch.randint(0, ITEMS, (n,))
    rating = 3 + taste[candidate] + 0.5 * taste[history].mean(1)
    return history, candidate, rating + 0.1 * torch.randn(n)


history, candidate, rating = make_ratings(1024)
model = RatingNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(10):
    model.train()
    total = 0.0
    for idx in torch.randperm(len(rating)).split(64):
        pred = model(history[idx], candidate[idx])
        loss = F.mse_loss(pred, rating[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    print(f"epoch {epoch} mse {total / len(rating):.4f}")
