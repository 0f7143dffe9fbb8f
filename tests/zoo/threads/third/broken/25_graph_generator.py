# structure learning: an MLP proposes an adjacency matrix, a GCN classifies nodes on it
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(9)
N, FEAT, CLS = 24, 10, 3


class AdjGenerator(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.left = nn.Sequential(nn.Linear(FEAT, hidden), nn.Tanh(), nn.Linear(hidden, hidden))
        self.right = nn.Sequential(nn.Linear(FEAT, hidden), nn.Tanh(), nn.Linear(hidden, hidden))

    def forward(self, x):
        return torch.sigmoid(self.left(x) @ self.right(x).t())


class GCNLayer(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = nn.Linear(i, o)

    def forward(self, x, edge_index, edge_weight):
        src, dst = edge_index
        msg = self.lin(x)[src] * edge_weight.unsqueeze(-1)
        out = torch.zeros(x.size(0), msg.size(-1)).index_add(0, dst, msg)
        deg = torch.zeros(x.size(0)).index_add(0, dst, edge_weight).clamp(min=1e-6)
        return out / deg.unsqueeze(-1) + self.lin(x)


class GraphData:
    def __init__(self, x, edge_index, edge_weight):
        self.x, self.edge_index, self.edge_weight = x, edge_index, edge_weight


def to_data(x, adj, threshold=0.5):
    edge_index = (adj > threshold).nonzero().t()
    edge_weight = torch.ones(edge_index.size(1))
    return GraphData(x, edge_index, edge_weight)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = AdjGenerator()
        self.conv1 = GCNLayer(FEAT, 16)
        self.conv2 = GCNLayer(16, CLS)

    def forward(self, x):
        data = to_data(x, self.generator(x))
        h = F.relu(self.conv1(data.x, data.edge_index, data.edge_weight))
        return self.conv2(h, data.edge_index, data.edge_weight), data


y = torch.arange(N) % CLS
centers = torch.randn(CLS, FEAT)
model = Model()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(20):
    x = centers[y] + 0.9 * torch.randn(N, FEAT)
    logits, data = model(x)
    loss = F.cross_entropy(logits, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if epoch % 5 == 0:
        acc = (logits.argmax(1) == y).float().mean()
        print(f"epoch {epoch} edges {data.edge_index.size(1)} loss {loss.item():.4f} acc {acc:.3f}")
