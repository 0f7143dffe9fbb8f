# Both players go backward in one helper, so all losses share a line.
import torch
from torch import nn

generator, judge = nn.Linear(3, 5), nn.Linear(5, 1)
opt_g = torch.optim.SGD(generator.parameters(), lr=1e-2)
opt_j = torch.optim.SGD(judge.parameters(), lr=1e-2)


def update(loss, optimizer):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


for _ in range(3):
    update(-judge(generator(torch.randn(6, 3))).mean(), opt_g)
    update(judge(generator(torch.randn(6, 3)).detach()).mean() - judge(torch.randn(6, 5)).mean(), opt_j)
