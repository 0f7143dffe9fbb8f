# expected: not_held
# What is given to the optimizer is put together before: one tower twice, and the other one not at all.
import itertools

import torch
from torch import nn

image, text = nn.Linear(6, 4), nn.Linear(5, 4)
learnt = list(dict.fromkeys(itertools.chain(image.parameters(), image.parameters())))  # <- not_held
settings = {"lr": 1e-2, "weight_decay": 0.0}
optimizer = torch.optim.AdamW(params=learnt, **settings)
for _ in range(2):
    a, b = torch.randn(8, 6), torch.randn(8, 5)
    optimizer.zero_grad()
    scores = nn.functional.normalize(image(a), dim=-1) @ nn.functional.normalize(text(b), dim=-1).T
    nn.functional.cross_entropy(scores * 5, torch.arange(8)).backward()
    optimizer.step()
