# expected: not_cleared
# Two players in methods of one agent; the actor's turn clears the critic's module, and its own gradients never.
import torch
from torch import nn


class Agent:
    def __init__(self):
        self.actor = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        self.critic = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))
        self.moves = torch.optim.SGD(self.actor.parameters(), lr=0.05)
        self.judges = torch.optim.SGD(self.critic.parameters(), lr=0.05)

    def judge(self, state, action, reward):
        error = (self.critic(torch.cat([state, action], dim=1)).squeeze(1) - reward).square().mean()
        self.judges.zero_grad()
        error.backward()
        self.judges.step()

    def move(self, state):
        value = self.critic(torch.cat([state, self.actor(state)], dim=1))
        self.critic.zero_grad()  # <- not_cleared
        (-value.mean()).backward()
        self.moves.step()


torch.manual_seed(0)
agent = Agent()
for _ in range(4):
    state, action = torch.randn(10, 4), torch.randn(10, 2)
    agent.judge(state, action, -(action - state[:, :2]).square().sum(1))
    agent.move(state)
