# expected: never_stepped
# An optimizer of one's own whose step() writes into a copy.
import torch
from torch import nn


class Cautious(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter = parameter - group["lr"] * parameter.grad


model = nn.Linear(4, 2)
optimizer = Cautious(model.parameters())  # <- never_stepped
for _ in range(3):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).square().mean().backward()
    optimizer.step()
