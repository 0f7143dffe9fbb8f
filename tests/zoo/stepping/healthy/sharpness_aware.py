# Two backwards a step: the first one's gradient is used to climb, by hand.
import torch
from torch import nn

model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    x, y = torch.randn(6, 4), torch.randn(6, 1)

    def evaluate(x=x, y=y):
        loss = (model(x) - y).square().mean()
        loss.backward()

    evaluate()
    with torch.no_grad():
        climbs = [0.05 * p.grad / (p.grad.norm() + 1e-12) for p in model.parameters()]
        for parameter, climb in zip(model.parameters(), climbs, strict=True):
            parameter.add_(climb)
    optimizer.zero_grad()
    evaluate()
    with torch.no_grad():
        for parameter, climb in zip(model.parameters(), climbs, strict=True):
            parameter.sub_(climb)
    optimizer.step()
    optimizer.zero_grad()
