# InfoGAN: both optimizers hold the generator, and each clears what it steps on.
import itertools

import torch
from torch import nn

generator, judge, coder = nn.Linear(3, 5), nn.Linear(5, 1), nn.Linear(5, 2)
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
opt_j = torch.optim.Adam(judge.parameters(), lr=1e-3)
opt_i = torch.optim.Adam(itertools.chain(generator.parameters(), coder.parameters()), lr=1e-3)
for _ in range(3):
    noise = torch.randn(6, 3)
    opt_g.zero_grad()
    (judge(generator(noise)) - 1).square().mean().backward()
    opt_g.step()
    opt_j.zero_grad()
    judge(generator(noise).detach()).square().mean().backward()
    opt_j.step()
    opt_i.zero_grad()
    (coder(generator(noise)) - noise[:, :2]).square().mean().backward()
    opt_i.step()
