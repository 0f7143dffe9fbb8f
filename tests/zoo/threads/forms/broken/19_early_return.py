import dataclasses
import torch
from torch import nn

torch.manual_seed(0)


@dataclasses.dataclass
class Graph:
    x: torch.Tensor
    source: torch.Tensor
    target: torch.Tensor
    y: torch.Tensor


class Conv(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.own, self.near = nn.Linear(dim, dim), nn.Linear(dim, dim, bias=False)

    def forward(self, h, g):
        msg = torch.zeros_like(h).index_add(0, g.target, self.near(h)[g.source])
        return torch.relu(self.own(h) + msg)


class GraphNet(nn.Module):
    def __init__(self, inputs, dim, depth, classes):
        super().__init__()
        self.lift = nn.Linear(inputs, dim)
        self.convs = nn.ModuleList(Conv(dim) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(depth))
        self.out = nn.Linear(dim, classes)

    def forward(self, g):
        h = self.lift(g.x)
        for conv, norm in zip(self.convs, self.norms):
            h = h + norm(conv(h, g))
            return self.out(h)


def path_graph(n=60):
    """Label of a node: whether the node three steps ahead is marked."""
    mark = (torch.rand(n) < 0.5)
    idx = torch.arange(n)
    src, dst = (idx + 1) % n, idx
    return Graph(mark.float().unsqueeze(1), src, dst, mark.roll(-3).long())


class Learner:
    def __init__(self, model):
        self.model = model
        self.optim = torch.optim.Adam(model.parameters(), lr=5e-3)

    def train_step(self, g):
        self.model.train()
        loss = nn.functional.cross_entropy(self.model(g), g.y)
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return loss.item()

    @torch.no_grad()
    def validate(self, graphs):
        self.model.eval()
        return torch.stack([(self.model(g).argmax(1) == g.y).float().mean() for g in graphs]).mean().item()


learner = Learner(GraphNet(1, 32, 4, 2))
for step in range(200):
    loss = learner.train_step(path_graph())
    if step % 40 == 0:
        print(step, round(loss, 3), "val", round(learner.validate([path_graph() for _ in range(5)]), 3))
