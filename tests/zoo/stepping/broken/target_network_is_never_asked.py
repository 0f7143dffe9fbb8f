# expected: unread
# The target network follows, softly, and the targets are made by the one that learns.
import copy

import torch
from torch import nn

torch.manual_seed(0)


class Agent:
    def __init__(self):
        self.online = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=1e-2)
        self.gamma = 0.9

    def follow(self, share=0.05):
        with torch.no_grad():
            for kept, moved in zip(self.target.parameters(), self.online.parameters(), strict=True):
                kept.lerp_(moved, share)

    def learn(self, state, action, reward, next_state):
        value = self.online(state).gather(1, action).squeeze(1)
        with torch.no_grad():
            best = self.online(next_state).max(dim=1).values  # <- unread
            goal = reward + self.gamma * best
        self.optimizer.zero_grad()
        nn.functional.mse_loss(value, goal).backward()
        self.optimizer.step()
        self.follow()


agent = Agent()
model = agent.online
for _ in range(3):
    agent.learn(torch.randn(8, 4), torch.randint(0, 2, (8, 1)), torch.randn(8), torch.randn(8, 4))
