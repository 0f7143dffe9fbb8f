# The generator's loss leaves gradients in the judge; they are cleared before the judge's turn.
import torch
from torch import nn
from torch.nn.functional import softplus

generator, judge = nn.Linear(3, 5), nn.Linear(5, 1)
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_j = torch.optim.Adam(judge.parameters(), lr=1e-3)
for _ in range(3):
    fake = generator(torch.randn(6, 3))
    opt_j.zero_grad()
    loss = softplus(judge(fake.detach())).mean() + softplus(-judge(torch.randn(6, 5))).mean()
    loss.backward()
    opt_j.step()
    opt_g.zero_grad()
    softplus(-judge(fake)).mean().backward()
    opt_g.step()
