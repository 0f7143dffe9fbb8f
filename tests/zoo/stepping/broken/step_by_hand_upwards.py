# expected: climbs
# An optimizer of one's own adds the gradient.
import torch
from torch import nn


class Descent(torch.optim.Optimizer):
    def __init__(self, parameters, lr=0.1):
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.add_(parameter.grad.sign(), alpha=group["lr"])


torch.manual_seed(0)
model = nn.Linear(4, 2)
optimizer = Descent(model.parameters())  # <- climbs
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.randn(6, 4)), torch.randint(2, (6,))).backward()
    optimizer.step()
