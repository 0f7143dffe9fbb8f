# An optimizer whose step() calls that of the class it extends, beside one of that class: each has hooks of its own.
import torch
from torch import nn


class Pulled(torch.optim.SGD):
    @torch.no_grad()
    def step(self, closure=None):
        found = super().step(closure)
        for group in self.param_groups:
            for weight in group["params"]:
                weight.mul_(0.99)
        return found


torch.manual_seed(0)
body, head = nn.Linear(4, 6), nn.Linear(6, 1)
model = nn.Sequential(body, nn.Tanh(), head)
slow, fast = Pulled(body.parameters(), lr=0.1), torch.optim.SGD(head.parameters(), lr=0.1)
for _ in range(3):
    slow.zero_grad()
    fast.zero_grad()
    model(torch.randn(5, 4)).square().mean().backward()
    slow.step()
    fast.step()
