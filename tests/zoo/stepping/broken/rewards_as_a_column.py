# expected: suspicious_shape
# The replay buffer hands out rewards as a column; the value is a row.
import torch
from torch import nn


class Agent:
    def __init__(self):
        torch.manual_seed(0)
        self.q = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
        self.optimizer = torch.optim.Adam(self.q.parameters(), lr=1e-3)

    def learn(self, state, action, reward):
        value = self.q(state).gather(1, action).squeeze(1)
        error = value - reward  # <- suspicious_shape
        loss = error.pow(2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


agent = Agent()
model = agent.q
for _ in range(3):
    agent.learn(torch.randn(8, 4), torch.randint(2, (8, 1)), torch.randn(8, 1))
