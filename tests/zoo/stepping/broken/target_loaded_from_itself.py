# expected: overwritten
# The target network is to be brought up to date now and then, and its own weights are loaded into it.
import copy

import torch
from torch import nn


class Learner:
    def __init__(self):
        self.online = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=1e-3)

    def learn(self, step):
        state, action, reward, after = torch.randn(8, 4), torch.randint(0, 2, (8, 1)), torch.randn(8), torch.randn(8, 4)
        wanted = reward + 0.9 * self.target(after).max(1).values
        self.optimizer.zero_grad()
        (self.online(state).gather(1, action).squeeze(1) - wanted).square().mean().backward()
        self.optimizer.step()
        if step % 50 == 49:
            self.catch_up()

    def catch_up(self):
        self.target.load_state_dict(self.target.state_dict())  # <- overwritten


learner = Learner()
online = learner.online
for number in range(4):
    learner.learn(number)
