"""Semi-supervised node classification: few labelled nodes, a pseudo-label curriculum and an EMA evaluator."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(9)
N, FEAT, CLASSES = 240, 16, 4


def stochastic_block():
    y = torch.arange(N) % CLASSES
    same = y[:, None] == y[None, :]
    prob = torch.full((N, N), 0.015).masked_fill(same, 0.12)
    upper = torch.triu((torch.rand(N, N) < prob).float(), 1)
    x = 0.9 * F.one_hot(y, FEAT).float() + 0.6 * torch.randn(N, FEAT)
    return x, upper + upper.t(), y


def normalise(adj):
    adj = adj + torch.eye(N)
    inv = adj.sum(1).rsqrt()
    return inv[:, None] * adj * inv[None, :]


def drop_edges(adj, p):
    keep = torch.triu((torch.rand(N, N) > p).float(), 1)
    return adj * (keep + keep.t())


class APPNP(nn.Module):
    """The same propagation is repeated; only the MLP carries weights."""

    def __init__(self, steps=4, teleport=0.15):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(FEAT, 32), nn.ReLU(), nn.Dropout(0.4), nn.Linear(32, CLASSES))
        self.steps, self.teleport = steps, teleport

    def forward(self, x, adj):
        h = z = self.mlp(x)
        for _ in range(self.steps):
            z = (1 - self.teleport) * adj @ z + self.teleport * h
        return z


def main():
    x, adj, y = stochastic_block()
    labelled = torch.zeros(N, dtype=torch.bool)
    labelled[:8 * CLASSES] = True
    full = normalise(adj)
    model = APPNP()
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.95))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=5e-4)
    for epoch in range(161):
        model.train()
        logits = model(x, normalise(drop_edges(adj, 0.2)))
        loss = F.cross_entropy(logits[labelled], y[labelled])
        weight, n_pseudo = min(1.0, max(0.0, (epoch - 40) / 80)), 0
        if weight > 0:
            ema.eval()
            with torch.no_grad():
                conf, guess = ema(x, full).softmax(1).max(1)
            pick = (conf > 0.9) & ~labelled
            n_pseudo = int(pick.sum())
            if n_pseudo:
                loss = loss + weight * F.cross_entropy(logits[pick], guess[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update_parameters(model)
        if epoch % 20 == 0:
            ema.eval()
            with torch.no_grad():
                acc = (ema(x, full).argmax(1) == y)[~labelled].float().mean()
            print(f"epoch {epoch:3d} loss {loss.item():.4f} pseudo {n_pseudo:3d} unlabelled acc {acc:.3f}")


if __name__ == "__main__":
    main()
