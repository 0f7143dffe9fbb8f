import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(10)


class GraphRNN(nn.Module):
    """Graph convolution + recurrent node state, inner-product decoder."""

    def __init__(self, x_dim, h_dim, z_dim):
        super().__init__()
        self.h_dim = h_dim
        self.gcn = nn.Linear(x_dim + h_dim, h_dim)
        self.to_z = nn.Linear(h_dim, z_dim)
        self.cell = nn.GRUCell(z_dim, h_dim)

    def forward(self, xs, adjs):
        h = torch.zeros(xs[0].size(0), self.h_dim)
        nll = 0.0
        for x, adj in zip(xs, adjs):
            a = adj + torch.eye(adj.size(0))
            a = a / a.sum(1, keepdim=True)
            e = F.relu(a @ self.gcn(torch.cat([x, h], dim=1)))
            z = self.to_z(e)
            logits = z @ z.t()
            pos_weight = (adj.numel() - adj.sum()) / adj.sum()
            nll = nll + F.binary_cross_entropy_with_logits(logits, adj, pos_weight=pos_weight, reduction="sum") / adj.size(0)
            h = self.cell(z, h)
        return nll / len(xs)


n, T = 30, 5
block = torch.randint(0, 3, (n,))
adjs = []
for t in range(T):
    prob = torch.where(block[:, None] == block[None, :], 0.6, 0.05)
    up = torch.triu((torch.rand(n, n) < prob).float(), 1)
    adjs.append(up + up.t())
xs = [torch.randn(n, 16) * 3 for _ in range(T)]

clip = 0.5
model = GraphRNN(16, 32, 16)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for k in range(6):
    optimizer.zero_grad()
    loss = model(xs, adjs)
    loss.backward()
    optimizer.step()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    print(f"epoch {k} loss {loss.item():.4f}")
