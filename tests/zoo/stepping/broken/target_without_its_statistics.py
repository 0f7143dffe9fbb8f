# expected: mode_flips
# A target network follows the online one by its parameters; the statistics of its norms stay 0 and 1, and it reads them.
import copy

import torch
from torch import nn


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 8), nn.ReLU(), nn.BatchNorm1d(8))
        self.value = nn.Linear(8, 1)

    def forward(self, states):
        return self.value(self.body(states)).squeeze(1)


class Agent:
    def __init__(self):
        self.online = Critic()
        self.target = copy.deepcopy(self.online).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=1e-2)

    def follow(self, share=0.05):
        for slow, fast in zip(self.target.parameters(), self.online.parameters(), strict=True):
            slow.lerp_(fast.detach(), share)  # <- mode_flips

    def learn(self, states, rewards, following):
        wanted = rewards + 0.9 * self.target(following)
        self.optimizer.zero_grad()
        nn.functional.mse_loss(self.online(states), wanted).backward()
        self.optimizer.step()
        self.follow()


agent = Agent()
model = agent.online
for _ in range(3):
    agent.learn(torch.randn(8, 4) * 3 + 1, torch.randn(8), torch.randn(8, 4) * 3 + 1)
