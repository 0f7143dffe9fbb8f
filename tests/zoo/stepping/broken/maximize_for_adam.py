# expected: climbs
# maximize=True was copied with the options of a policy.
import torch
from torch import nn

options = {"lr": 1e-2, "maximize": True}


class Regressor:
    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Linear(3, 1)
        self.optimizer = torch.optim.Adam(self.model.parameters(), **options)  # <- climbs

    def step(self, x, y):
        self.optimizer.zero_grad()
        nn.MSELoss()(self.model(x), y).backward()
        self.optimizer.step()


regressor = Regressor()
model = regressor.model
for _ in range(3):
    regressor.step(torch.randn(8, 3), torch.randn(8, 1))
