# The averaged weights are put in when the training is over: nothing needs to be taken back.
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
average.apply_shadow()
