import torch
from torch import nn

torch.manual_seed(0)


class SetPool(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.score = nn.Linear(dim, 1)

    def forward(self, items, valid):
        logits = self.score(items).squeeze(-1)
        weight = torch.where(valid, logits, -torch.inf).softmax(dim=-1)
        return torch.einsum("bn,bnd->bd", weight, items)


class BasketModel(nn.Module):
    def __init__(self, products, dim=16):
        super().__init__()
        self.embed = nn.Embedding(products, dim)
        self.pool = SetPool(dim)
        self.out = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, ids, valid):
        return self.out(self.pool(self.embed(ids), valid)).squeeze(-1)


price = torch.rand(30) * 2


def baskets(n, size=6, keep=0.75):
    ids = torch.randint(30, (n, size))
    valid = torch.rand(n, size) < keep
    mean = (price[ids] * valid).sum(1) / valid.sum(1).clamp(min=1)
    return ids, valid, mean


def fit(model, steps, callback):
    optim = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(steps):
        ids, valid, y = baskets(32)
        loss = nn.functional.mse_loss(model(ids, valid), y)
        optim.zero_grad()
        loss.backward()
        optim.step()
        callback(step, loss.item())


def printer(every):
    def report(step, value):
        if step % every == 0:
            print(f"{step} {value:.4f}")
    return report


fit(BasketModel(30), 400, printer(50))
