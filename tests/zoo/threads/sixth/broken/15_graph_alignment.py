"""Siamese graph network for aligning the nodes of two correlated random graphs."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(14)
N, FEAT = 20, 32


class MessagePassing(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.own = nn.Linear(cin, cout)
        self.neigh = nn.Linear(cin, cout)
        self.norm = nn.LayerNorm(cout)

    def forward(self, h, adj):
        deg = adj.sum(-1, keepdim=True).clamp(min=1)
        return F.relu(self.norm(self.own(h) + self.neigh(adj @ h / deg)))


class NodeEmbedding(nn.Module):
    def __init__(self, layers=3):
        super().__init__()
        dims = [2] + [FEAT] * layers
        self.layers = nn.ModuleList(MessagePassing(a, b) for a, b in zip(dims[:-1], dims[1:]))
        self.out = nn.Linear(FEAT * layers, FEAT)

    def forward(self, adj):
        deg = adj.sum(-1, keepdim=True) / N
        tri = (adj @ adj * adj).sum(-1, keepdim=True) / N ** 2
        h, outs = torch.cat([deg, 10 * tri], dim=-1), []
        for layer in self.layers:
            h = layer(h, adj)
            outs.append(h)
        return self.out(torch.cat(outs, dim=-1))


class SiameseNode(nn.Module):
    def __init__(self):
        super().__init__()
        self.node_embedder = NodeEmbedding()

    def forward(self, g1, g2):
        x1, x2 = self.node_embedder(g1), self.node_embedder(g2)
        raw_scores = torch.matmul(x1, x2.transpose(1, 2))
        return F.softmax(raw_scores, dim=-1)


class TripletCrossEntropy(nn.Module):
    """Row i of the score matrix should pick node i of the other graph."""

    def forward(self, scores):
        b, n, _ = scores.shape
        target = torch.arange(n).repeat(b)
        return F.cross_entropy(scores.reshape(b * n, n), target)


def accuracy(scores):
    return (scores.argmax(-1) == torch.arange(scores.shape[1])).float().mean().item()


def make_pairs(b, p=0.3, noise=0.03):
    upper = torch.triu((torch.rand(b, N, N) < p).float(), 1)
    flip = torch.triu((torch.rand(b, N, N) < noise).float(), 1)
    other = (upper - flip).abs()
    return upper + upper.transpose(1, 2), other + other.transpose(1, 2)


def main():
    model = SiameseNode()
    criterion = TripletCrossEntropy()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
    val = make_pairs(128)
    for epoch in range(10):
        model.train()
        total = 0.0
        for _ in range(25):
            scores = model(*make_pairs(32))
            loss = criterion(scores)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / 25
        model.eval()
        with torch.no_grad():
            scores = model(*val)
            val_loss, val_acc = criterion(scores).item(), accuracy(scores)
        scheduler.step(val_loss)
        print(f"epoch {epoch:2d} train loss {total:.4f} val loss {val_loss:.4f} val acc {val_acc:.4f}")


if __name__ == "__main__":
    main()
