# expected: climbs
# An optimizer of one's own with the wrong sign.
import torch
from torch import nn


class Plain(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.add_(parameter.grad, alpha=group["lr"])


model = nn.Linear(4, 1)
optimizer = Plain(model.parameters(), lr=0.01)  # <- climbs
for _ in range(2):
    optimizer.zero_grad()
    (model(torch.randn(6, 4)) - 3).square().mean().backward()
    optimizer.step()
