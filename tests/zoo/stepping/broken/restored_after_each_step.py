# expected: overwritten
# "Keep the best": every step is compared by the wrong sign and taken back.
import copy

import torch
from torch import nn


class Runner:
    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Linear(4, 1)
        self.optimizer = torch.optim.RMSprop(self.model.parameters(), lr=1e-2)
        self.best = (float("-inf"), copy.deepcopy(self.model.state_dict()))

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = nn.functional.l1_loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        if loss.item() > self.best[0]:
            self.model.load_state_dict(self.best[1])  # <- overwritten


runner = Runner()
model = runner.model
for _ in range(4):
    runner.step(torch.randn(8, 4), torch.randn(8, 1))
