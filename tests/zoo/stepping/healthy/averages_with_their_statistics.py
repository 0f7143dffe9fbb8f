# Averages whose norms are looked after: buffers copied, statistics of a file, training mode, or norms without any.
import copy

import torch
from torch import nn


def body(**settings):
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6, **settings), nn.ReLU(), nn.Linear(6, 2))


models = nn.ModuleList([body(), body(), body(), body(track_running_stats=False)])
averages = copy.deepcopy(models).requires_grad_(False).eval()
averages[1].train()
for one in (models[2], averages[2]):
    one[1].running_mean.fill_(0.3)
    one[1].num_batches_tracked.fill_(9)
optimizer = torch.optim.SGD(models.parameters(), lr=0.1)
for _ in range(3):
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    sum((one(x) - mean(x + 0.1)).square().mean() for one, mean in zip(models, averages, strict=True)).backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(averages.parameters(), models.parameters(), strict=True):
            slow.mul_(0.9).add_(fast, alpha=0.1)
        for slow, fast in zip(averages[0].buffers(), models[0].buffers(), strict=True):
            slow.copy_(fast)
