# SGD and an LBFGS of one evaluation take the gradient that is there: their closure may only give the loss.
import torch
from torch import nn

model, other = nn.Linear(3, 1), nn.Linear(3, 1)
descent = torch.optim.SGD(model.parameters(), lr=0.1)
newton = torch.optim.LBFGS(other.parameters(), lr=0.1, max_iter=1)
x, y = torch.randn(20, 3), torch.randn(20, 1)
for _ in range(3):
    for part, optimizer in ((model, descent), (other, newton)):
        optimizer.zero_grad()
        loss = (part(x) - y).square().mean()
        loss.backward()
        optimizer.step(lambda loss=loss: loss.detach())
