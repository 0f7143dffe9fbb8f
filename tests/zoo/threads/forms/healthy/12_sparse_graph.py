import torch
from torch import nn

torch.manual_seed(0)


def segment_softmax(score, index, size):
    top = torch.full((size,), -torch.inf).scatter_reduce(0, index, score.detach(), "amax")
    top = torch.where(top.isinf(), torch.zeros_like(top), top)
    e = (score - top[index]).exp()
    total = torch.zeros(size).index_add(0, index, e)
    return e / total[index].clamp_min(1e-9)


class GraphAttention(nn.Module):
    """Nodes without neighbours keep their own value only."""

    def __init__(self, dim):
        super().__init__()
        self.own, self.value = nn.Linear(dim, dim), nn.Linear(dim, dim, bias=False)
        self.score = nn.Linear(2 * dim, 1)

    def forward(self, h, source, target):
        pair = torch.cat([h[source], h[target]], dim=-1)
        a = segment_softmax(nn.functional.leaky_relu(self.score(pair)).squeeze(-1), target, len(h))
        msg = torch.zeros_like(h).index_add(0, target, a.unsqueeze(-1) * self.value(h)[source])
        return torch.tanh(self.own(h) + msg)


class Net(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.lift = nn.Linear(2, dim)
        self.layers = nn.ModuleList(GraphAttention(dim) for _ in range(2))
        self.out = nn.Linear(dim, 1)

    def forward(self, x, source, target):
        h = self.lift(x)
        for layer in self.layers:
            h = h + layer(h, source, target)
        return self.out(h).squeeze(-1)


def random_graph(n=50, p=0.03):
    adj = (torch.rand(n, n) < p) & ~torch.eye(n, dtype=torch.bool)
    target, source = adj.nonzero(as_tuple=True)
    x = torch.stack([torch.rand(n), (torch.rand(n) < 0.5).float()], dim=1)
    hot = torch.where(adj, x[:, 1], 0.0)
    degree = hot.sum(1)
    mean = (hot * x[:, 0]).sum(1) / degree.clamp(min=1)
    y = torch.where(degree > 0, mean, x[:, 0])
    labelled = torch.rand(n) < 0.8
    return x, source, target, y, labelled


model = Net()
optim = torch.optim.Adam(model.parameters(), lr=4e-3)
running = 0.0
for step in range(300):
    x, source, target, y, labelled = random_graph()
    out = model(x, source, target)
    loss = torch.where(labelled, (out - y).square(), 0.0).sum() / labelled.sum().clamp(min=1)
    optim.zero_grad(set_to_none=True)
    loss.backward()
    optim.step()
    running = 0.9 * running + 0.1 * loss.item()
    if step % 60 == 59:
        print(step + 1, round(running, 4), "isolated nodes", int((torch.bincount(target, minlength=50) == 0).sum()))
