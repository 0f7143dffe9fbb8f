# expected: average_reversed
# The average of an object is shrunk, and the share of the weights is taken away where it should be added.
import torch
from torch import nn


class Average:
    def __init__(self, model, decay):
        self.model, self.decay = model, decay
        self.values = [parameter.detach().clone() for parameter in model.parameters()]

    def update(self):
        for value, parameter in zip(self.values, self.model.parameters(), strict=True):
            value.mul_(self.decay)
            value.sub_(parameter.detach(), alpha=1 - self.decay)  # <- average_reversed


model = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2))
average = Average(model, 0.95)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    optimizer.zero_grad()
    (model(torch.randn(6, 5)) - 1).square().mean().backward()
    optimizer.step()
    average.update()
