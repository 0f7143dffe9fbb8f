import copy

import torch
import torch.nn as nn
import torch.nn.functional as F


def mlp(i, h, o):
    return nn.Sequential(nn.Linear(i, h), nn.BatchNorm1d(h), nn.ReLU(inplace=True), nn.Linear(h, o))


class BYOL(nn.Module):
    def __init__(self, dim=20, proj=16, m=0.99):
        super().__init__()
        self.online = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), mlp(32, 64, proj))
        self.predictor = mlp(proj, 64, proj)
        self.target = copy.deepcopy(self.online)
        for p in self.target.parameters():
            p.requires_grad_(False)
        self.m = m

    @torch.no_grad()
    def update_target(self):
        for po, pt in zip(self.online.parameters(), self.target.parameters()):
            pt.data = self.m * pt.data + (1 - self.m) * po.data

    @staticmethod
    def regression(p, z):
        return 2 - 2 * (F.normalize(p, dim=-1) * F.normalize(z, dim=-1)).sum(-1)

    def forward(self, v1, v2):
        p1, p2 = self.predictor(self.online(v1)), self.predictor(self.online(v2))
        with torch.no_grad():
            z1, z2 = self.target(v1), self.target(v2)
        return (self.regression(p1, z2.detach()) + self.regression(p2, z1.detach())).mean()


def augment(x):
    return x * (torch.rand_like(x) > 0.1) + 0.1 * torch.randn_like(x)


torch.manual_seed(0)
learner = BYOL()
opt = torch.optim.Adam([p for p in learner.parameters() if p.requires_grad], lr=3e-3)
data = torch.randn(128, 20)
for step in range(6):
    loss = learner(augment(data), augment(data))
    opt.zero_grad()
    loss.backward()
    opt.step()
    learner.update_target()
    print(f"step {step} loss {loss.item():.4f}")
