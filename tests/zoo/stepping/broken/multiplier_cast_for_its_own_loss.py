# expected: stale
# The multiplier of a constraint is cast after its optimizer was made; its own loss reaches the new one and nothing else.
import torch
from torch import nn


class Constrained(nn.Module):
    def __init__(self):
        super().__init__()
        self.policy = nn.Linear(4, 2)
        self.multiplier = nn.Parameter(torch.zeros(()))

    def cost(self, x):
        return self.policy(x).square().mean(1)


model = Constrained()
inner = torch.optim.SGD(model.policy.parameters(), lr=0.1)
outer = torch.optim.SGD([model.multiplier], lr=0.1)
model.multiplier = nn.Parameter(model.multiplier.detach().double())  # <- stale
x = torch.randn(8, 4)
for _ in range(3):
    cost = model.cost(x)
    inner.zero_grad()
    (-model.policy(x).mean() + model.multiplier.detach().float() * cost.mean()).backward()
    inner.step()
    violation = model.cost(x).detach() - 0.5
    outer.zero_grad()
    (-model.multiplier * violation.mean()).backward()
    outer.step()
