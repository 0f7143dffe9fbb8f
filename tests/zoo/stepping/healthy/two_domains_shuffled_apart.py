# Two loaders, each shuffled: real pictures are no targets of the made ones, and the labels come with their inputs.
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

source = DataLoader(TensorDataset(torch.randn(24, 4), torch.randint(0, 3, (24,))), 8, shuffle=True)
target = DataLoader(torch.randn(24, 4) + 1, 8, shuffle=True)
body, head, judge = nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(6, 1)
style = nn.Linear(4, 6).requires_grad_(False)
optimizer = torch.optim.SGD([*body.parameters(), *head.parameters(), *judge.parameters()], lr=0.1)
for (x, labels), other in zip(source, target, strict=True):
    optimizer.zero_grad()
    here, there = body(x), body(other)
    loss = nn.functional.cross_entropy(head(here), labels)
    loss = loss + nn.functional.mse_loss(here.mean(0), there.mean(0))
    loss = loss + nn.functional.mse_loss(here.std(0), style(other).std(0))
    scores = judge(torch.cat([here, there])).squeeze(1)
    side = torch.cat([torch.zeros(len(x)), torch.ones(len(other))])
    (loss + nn.functional.binary_cross_entropy_with_logits(scores, side)).backward()
    optimizer.step()
