import copy
from dataclasses import dataclass

import torch
import torch.nn as nn


@dataclass
class Config:
    obs: int = 6
    actions: int = 4
    gamma: float = 0.95
    lr: float = 1e-3
    sync_every: int = 3
    steps: int = 6
    batch: int = 64


class DuelingNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(c.obs, 64), nn.ReLU())
        self.value, self.adv = nn.Linear(64, 1), nn.Linear(64, c.actions)

    def forward(self, s):
        h = self.trunk(s)
        a = self.adv(h)
        return self.value(h) + a - a.mean(-1, keepdim=True)


class Learner:
    def __init__(self, c):
        self.c = c
        self.online = DuelingNet(c)
        self.target = copy.deepcopy(self.online).eval()
        self.opt = torch.optim.Adam(self.online.parameters(), lr=c.lr)
        self.n = 0

    def learn(self, s, a, r, s2, done):
        q = self.online(s).gather(1, a.unsqueeze(1)).squeeze(1)
        best = self.online(s2).argmax(1, keepdim=True)
        q2 = self.target(s2).gather(1, best).squeeze(1)
        y = r + self.c.gamma * q2 * (1 - done)
        loss = nn.functional.smooth_l1_loss(q, y.detach())
        self.opt.zero_grad()
        loss.backward()
        for p in self.online.parameters():
            p.grad.data.clamp_(-1, 1)
        self.opt.step()
        self.n += 1
        if self.n % self.c.sync_every == 0:
            self.target.load_state_dict(self.online.state_dict())
        return loss.item()


cfg = Config()
torch.manual_seed(0)
learner = Learner(cfg)
w = torch.randn(cfg.obs, cfg.actions)
for step in range(cfg.steps):
    s, s2 = torch.randn(cfg.batch, cfg.obs), torch.randn(cfg.batch, cfg.obs)
    a = torch.randint(0, cfg.actions, (cfg.batch,))
    r = (s @ w).gather(1, a[:, None]).squeeze(1)
    print(step, learner.learn(s, a, r, s2, (torch.rand(cfg.batch) < 0.1).float()))
