# The best weights so far, copied: the training goes on without them.
import copy

import torch
from torch import nn


class Trainer:
    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.05)
        self.best, self.lowest = None, float("inf")

    def loss(self, x):
        return nn.functional.mse_loss(self.model(x), x.sum(1, keepdim=True))

    def step(self):
        self.optimizer.zero_grad()
        self.loss(torch.randn(8, 4)).backward()
        self.optimizer.step()

    def fit(self, epochs):
        kept_back = torch.randn(16, 4)
        for _ in range(epochs):
            self.step()
            with torch.no_grad():
                value = self.loss(kept_back).item()
            if value < self.lowest:
                self.lowest = value
                self.best = copy.deepcopy(self.model.state_dict())
        self.model.load_state_dict(self.best)


trainer = Trainer()
model = trainer.model
trainer.fit(3)
