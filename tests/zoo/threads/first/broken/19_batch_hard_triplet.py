import torch
import torch.nn as nn
import torch.nn.functional as F


def pairwise_euclidean(e):
    diff = e.unsqueeze(1) - e.unsqueeze(0)
    return diff.pow(2).sum(-1).sqrt()


def batch_hard_triplet_loss(embeddings, labels, margin=0.3):
    dist = pairwise_euclidean(embeddings)
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    hardest_pos = (dist * same.float()).max(1).values
    hardest_neg = (dist + 1e6 * same.float()).min(1).values
    return F.relu(hardest_pos - hardest_neg + margin).mean()


class Embedder(nn.Module):
    def __init__(self, n_in=24, n_out=8):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_in, 48), nn.LeakyReLU(0.1), nn.Linear(48, n_out))

    def forward(self, x):
        return F.normalize(self.body(x), dim=-1)


def pk_batch(p, k, dim):
    centers = torch.randn(p, 1, dim)
    x = (centers + 0.4 * torch.randn(p, k, dim)).flatten(0, 1)
    return x, torch.arange(p).repeat_interleave(k)


def train(steps=4):
    torch.manual_seed(12)
    model = Embedder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for it in range(steps):
        x, y = pk_batch(6, 4, 24)
        loss = batch_hard_triplet_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("iteration", it, "triplet", loss.item())
    return model


if __name__ == "__main__":
    train()
