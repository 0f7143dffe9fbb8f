# Two networks start from the same weights and are meant to part.
import copy

import torch
from torch import nn

torch.manual_seed(0)
first = nn.Sequential(nn.Embedding(12, 6), nn.Flatten(), nn.Linear(24, 2))
second = copy.deepcopy(first)
model = nn.ModuleList([first, second])
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    ids, label = torch.randint(12, (5, 4)), torch.randint(2, (5,))
    loss = nn.functional.cross_entropy(first(ids), label) + nn.functional.cross_entropy(second(ids.flip(1)), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
