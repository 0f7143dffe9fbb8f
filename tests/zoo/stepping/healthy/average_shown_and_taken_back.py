# The averaged weights are shown off in the loop and taken back, and at the end they stay: there is no step to come.
import torch
from torch import nn


class Average:
    def __init__(self, model, decay=0.9):
        self.model, self.decay, self.backup = model, decay, {}
        self.shadow = {name: one.detach().clone() for name, one in model.named_parameters()}

    def update(self):
        for name, one in self.model.named_parameters():
            self.shadow[name] = self.decay * self.shadow[name] + (1 - self.decay) * one.detach()

    def apply_shadow(self):
        for name, one in self.model.named_parameters():
            self.backup[name] = one.data
            one.data = self.shadow[name].clone()

    def restore(self):
        for name, one in self.model.named_parameters():
            one.data = self.backup[name]
        self.backup = {}


model = nn.Linear(4, 2)
average = Average(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for number in range(4):
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    (model(x) - x[:, :2]).square().mean().backward()
    optimizer.step()
    average.update()
    if number == 3:
        average.apply_shadow()
        with torch.no_grad():
            model(torch.ones(1, 4))
        average.restore()
average.apply_shadow()
