import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Houses(Dataset):
    def __init__(self, n=160):
        self.area = torch.rand(n) * 2
        self.rooms = torch.randint(1, 6, (n,)).float()
        self.town = torch.randint(0, 5, (n,))
        self.price = 3 * self.area + 0.4 * self.rooms + self.town.float() * 0.5 + 0.1 * torch.randn(n)

    def __len__(self):
        return len(self.price)

    def __getitem__(self, i):
        return {"num": torch.stack([self.area[i], self.rooms[i]]), "town": self.town[i]}, self.price[i]


class PriceModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.town = nn.Embedding(5, 4)
        self.mlp = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, num, town):
        return self.mlp(torch.cat([num, self.town(town)], dim=1))


def rmsle_like(pred, y):
    return ((pred - y) ** 2).mean()


def run_epoch(model, loader, opt):
    total = 0.0
    for feats, y in loader:
        pred = model(**feats)
        loss = rmsle_like(pred, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(y)
    return total / len(loader.dataset)


loader = DataLoader(Houses(), batch_size=32, shuffle=True)
model = PriceModel()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(5):
    print("epoch", epoch, "mse", round(run_epoch(model, loader, opt), 4))
