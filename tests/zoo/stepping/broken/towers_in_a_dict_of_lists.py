# expected: not_held
# Two-tower retrieval: the towers live in a plain dict, so parameters() knows only the scale.
import torch
from torch import nn
from torch.nn import functional as F


class TwoTower(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.towers = {}
        for side in ("query", "document"):
            self.towers[side] = nn.Sequential(nn.Linear(5, width), nn.Tanh(), nn.Linear(width, 4))  # <- not_held
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, query, document):
        left = F.normalize(self.towers["query"](query), dim=-1)
        right = F.normalize(self.towers["document"](document), dim=-1)
        return self.scale * left @ right.T


def main():
    torch.manual_seed(1)
    net = TwoTower()
    opt = torch.optim.Adam(net.parameters())
    for _ in range(3):
        opt.zero_grad()
        scores = net(torch.randn(6, 5), torch.randn(6, 5))
        F.cross_entropy(scores, torch.arange(6)).backward()
        opt.step()
    return net


model = main()
