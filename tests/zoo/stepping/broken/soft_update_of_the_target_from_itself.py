# expected: overwritten
# The soft update takes both lists of weights from the target: it is averaged with itself.
import copy

import torch
from torch import nn

policy = nn.Linear(4, 2)
target = copy.deepcopy(policy)
optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)


def soft_update(rate):
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), target.parameters(), strict=True):  # <- overwritten
            slow.mul_(1 - rate).add_(fast, alpha=rate)


for _ in range(3):
    wanted = target(torch.randn(8, 4)).detach()
    optimizer.zero_grad()
    (policy(torch.randn(8, 4)) - wanted - 1).square().mean().backward()
    optimizer.step()
    if wanted.isnan().any():
        soft_update(0.01)
