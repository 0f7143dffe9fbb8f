import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
N_USERS, N_ITEMS = 50, 80


class Tower(nn.Module):
    def __init__(self, n, dim=12):
        super().__init__()
        self.emb = nn.Embedding(n, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 24), nn.ReLU(), nn.Linear(24, dim))

    def forward(self, ids):
        return self.mlp(self.emb(ids))


class TwoTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.user = Tower(N_USERS)
        self.item = Tower(N_ITEMS)
        self.head = nn.Linear(24, 1)

    def forward(self, u, i):
        x = torch.cat([self.user(u), self.item(i)], dim=-1)
        return self.head(torch.relu(x))


def ratings(n=1024):
    gu, gi = torch.randn(N_USERS), torch.randn(N_ITEMS)
    u = torch.randint(0, N_USERS, (n,))
    i = torch.randint(0, N_ITEMS, (n,))
    y = 3.0 + 0.8 * gu[u] + 0.8 * gi[i] + 0.05 * torch.randn(n)
    return TensorDataset(u, i, y)


def mse(pred, label):
    return ((pred - label) ** 2).mean()


class Trainer:
    def __init__(self, model, lr=5e-3):
        self.model = model
        self.opt = torch.optim.Adam(model.parameters(), lr=lr)

    def run(self, loader, epochs):
        for e in range(epochs):
            tot = 0.0
            for u, i, y in loader:
                pred = self.model(u, i)
                loss = mse(pred, y)
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
                tot += loss.item()
            print(f"epoch {e} train mse {tot / len(loader):.4f}")

    @torch.no_grad()
    def spread(self, ds):
        u, i, y = ds.tensors
        p = self.model(u, i).flatten()
        return p.std().item(), y.std().item(), torch.corrcoef(torch.stack([p, y]))[0, 1].item()


data = ratings()
trainer = Trainer(TwoTower())
trainer.run(DataLoader(data, batch_size=64, shuffle=True), epochs=8)
print("pred std %.3f  label std %.3f  corr %.3f" % trainer.spread(data))
