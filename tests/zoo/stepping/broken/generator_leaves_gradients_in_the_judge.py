# expected: not_cleared
# The judge steps on its own loss plus what the generator's loss had left in it.
import torch
from torch import nn
from torch.nn.functional import softplus

generator, judge = nn.Linear(3, 5), nn.Linear(5, 1)
opt_g = torch.optim.SGD(generator.parameters(), lr=0.01)
opt_j = torch.optim.SGD(judge.parameters(), lr=0.01)
for _ in range(3):
    opt_g.zero_grad()
    fake = generator(torch.randn(6, 3))
    softplus(-judge(fake)).mean().backward()
    opt_g.step()
    loss = softplus(judge(fake.detach())).mean() + softplus(-judge(torch.randn(6, 5))).mean()
    loss.backward()  # <- not_cleared
    opt_j.step()
    opt_j.zero_grad()
    judge(generator(torch.randn(6, 3)))
