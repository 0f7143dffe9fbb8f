# The judge's loss goes backward in two halves; the generator's turn comes after the judge's step.
import torch
from torch import nn
from torch.nn.functional import softplus

generator, judge = nn.Linear(3, 5), nn.Linear(5, 1)
generator_optimizer = torch.optim.SGD(generator.parameters(), lr=0.01)
judge_optimizer = torch.optim.SGD(judge.parameters(), lr=0.01)
for _ in range(3):
    fake = generator(torch.randn(6, 3))
    judge_optimizer.zero_grad()
    softplus(-judge(torch.randn(6, 5))).mean().backward()
    softplus(judge(fake.detach())).mean().backward()
    judge_optimizer.step()
    generator_optimizer.zero_grad()
    softplus(-judge(fake)).mean().backward()
    generator_optimizer.step()
