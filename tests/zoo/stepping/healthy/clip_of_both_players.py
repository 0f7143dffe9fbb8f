# One call clips all that there is, and one player has no gradient yet.
import torch
from torch import nn

one, two = nn.Linear(4, 1), nn.Linear(4, 1)
opt_1 = torch.optim.SGD(one.parameters(), lr=0.1)
opt_2 = torch.optim.SGD(two.parameters(), lr=0.1)
for _ in range(3):
    for model, optimizer in ((one, opt_1), (two, opt_2)):
        optimizer.zero_grad()
        (model(torch.randn(5, 4)) - 1).square().mean().backward()
        nn.utils.clip_grad_norm_([*one.parameters(), *two.parameters()], 1.0)
        optimizer.step()
