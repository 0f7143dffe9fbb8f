import random
from collections import deque

import torch
import torch.nn as nn


class DQN(nn.Module):
    def __init__(self, n_in, n_act):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(n_in, 64), nn.ReLU())
        self.adv = nn.Linear(64, n_act)
        self.val = nn.Linear(64, 1)

    def forward(self, x):
        h = self.fc(x)
        a = self.adv(h)
        return self.val(h) + a - a.mean(1, keepdim=True)


class CentralControl:
    def __init__(self, n_in, n_act, gamma=0.97, lr=1e-3, sync=2):
        self.moving_nn = DQN(n_in, n_act)
        self.target_nn = DQN(n_in, n_act)
        self.gamma, self.sync, self.iter = gamma, sync, 0
        self.optimizer = torch.optim.Adam(self.moving_nn.parameters(), lr=lr)
        self.update_target()

    def update_target(self):
        self.target_nn.load_state_dict(self.moving_nn.state_dict())
        self.target_nn = self.moving_nn

    def optimize(self, mini_batch):
        s, a, r, s2, d = (torch.stack(z) for z in zip(*mini_batch))
        q = self.moving_nn(s).gather(1, a[:, None]).squeeze(1)
        with torch.no_grad():
            q_next = self.target_nn(s2).max(1).values
        loss = nn.functional.mse_loss(q, r + self.gamma * (1 - d) * q_next)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.iter += 1
        if self.iter % self.sync == 0:
            self.update_target()
        return loss.item()


torch.manual_seed(0)
random.seed(0)
replay = deque(maxlen=500)
for _ in range(200):
    replay.append((torch.randn(6), torch.tensor(random.randrange(3)), torch.randn(()), torch.randn(6),
                   torch.tensor(float(random.random() < 0.1))))
agent = CentralControl(6, 3)
for i in range(6):
    print(f"{i}: {agent.optimize(random.sample(list(replay), 64)):.5f}")
