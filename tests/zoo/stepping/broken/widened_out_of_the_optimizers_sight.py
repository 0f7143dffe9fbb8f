# expected: stale
# A method of the model widens it, and only the trainer that calls it knows the optimizer, which keeps the old layers.
import torch
from torch import nn


class Growing(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner, self.out = nn.Linear(4, width), nn.Linear(width, 1)

    def forward(self, x):
        return self.out(self.inner(x).tanh())

    def widen(self, more):
        width = self.inner.out_features + more
        self.inner, self.out = nn.Linear(4, width), nn.Linear(width, 1)


class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def fit(self, steps):
        for _ in range(steps):
            x = torch.randn(8, 4)
            self.optimizer.zero_grad()
            (self.model(x).squeeze(1) - x.sum(1)).square().mean().backward()
            self.optimizer.step()

    def run(self):
        self.fit(2)
        self.model.widen(3)  # <- stale
        self.fit(2)


trainer = Trainer(Growing(5))
trainer.run()
model = trainer.model
