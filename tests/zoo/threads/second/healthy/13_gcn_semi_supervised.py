import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(12)


class GraphConv(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d_in, d_out))
        self.bias = nn.Parameter(torch.zeros(d_out))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, edge_index, norm):
        x = x @ self.weight
        src, dst = edge_index
        out = torch.zeros_like(x)
        out.index_add_(0, dst, x[src] * norm.unsqueeze(1))
        return out + self.bias


class GCN(nn.Module):
    def __init__(self, d_in, hidden, n_classes):
        super().__init__()
        self.conv1 = GraphConv(d_in, hidden)
        self.conv2 = GraphConv(hidden, n_classes)

    def forward(self, x, edge_index, norm):
        x = F.relu(self.conv1(x, edge_index, norm))
        x = F.dropout(x, p=0.5, training=self.training)
        return F.log_softmax(self.conv2(x, edge_index, norm), dim=1)


n, k = 120, 3
y = torch.randint(0, k, (n,))
prob = torch.where(y[:, None] == y[None, :], 0.10, 0.01)
adj = torch.triu((torch.rand(n, n) < prob), 1)
src, dst = adj.nonzero(as_tuple=True)
loops = torch.arange(n)
edge_index = torch.stack([torch.cat([src, dst, loops]), torch.cat([dst, src, loops])])
deg = torch.zeros(n).index_add_(0, edge_index[1], torch.ones(edge_index.size(1)))
norm = deg[edge_index[0]].rsqrt() * deg[edge_index[1]].rsqrt()
x = F.one_hot(y, k).float() + torch.randn(n, k)
x = torch.cat([x, torch.randn(n, 5)], dim=1)
train_mask = torch.rand(n) < 0.25

model = GCN(8, 16, k)
optimizer = torch.optim.Adam([
    dict(params=model.conv1.parameters(), weight_decay=5e-4),
    dict(params=model.conv2.parameters(), weight_decay=0),
], lr=0.02)

for epoch in range(6):
    model.train()
    optimizer.zero_grad()
    out = model(x, edge_index, norm)
    loss = F.nll_loss(out[train_mask], y[train_mask])
    loss.backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        pred = model(x, edge_index, norm).argmax(dim=1)
    acc = (pred[~train_mask] == y[~train_mask]).float().mean()
    print(f"epoch {epoch} loss {loss.item():.4f} test acc {acc.item():.3f}")
