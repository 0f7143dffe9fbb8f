# The generator maximises what the judge minimises, as in the first paper: its loss is the judge's, negated.
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as cost

torch.manual_seed(0)
generator, judge = nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
own = torch.optim.Adam(generator.parameters(), lr=1e-3)
other = torch.optim.Adam(judge.parameters(), lr=1e-3)
for _ in range(3):
    real, noise = torch.randn(6, 4), torch.randn(6, 3)
    other.zero_grad()
    loss = cost(judge(real), torch.ones(6, 1)) + cost(judge(generator(noise).detach()), torch.zeros(6, 1))
    loss.backward()
    other.step()
    own.zero_grad()
    fooled = -cost(judge(generator(noise)), torch.zeros(6, 1))
    fooled.backward()
    own.step()
