# What is loaded goes on in a copy, or by its state, or as a part that is kept: nothing of it is lost.
import copy

import torch
from torch import nn


def rebuilt(old):
    new = part()
    with torch.no_grad():
        for one, two in zip(new.parameters(), old.parameters(), strict=True):
            one.copy_(two)
    return new


def part():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


saved = {name: value * 0.5 for name, value in part().state_dict().items()}
first = part()
first.load_state_dict(saved)
first = copy.deepcopy(first)
second = part()
second.load_state_dict(saved)
state = second.state_dict()
second = part()
second.load_state_dict({name: value + 1 for name, value in state.items()})
third = part()
third.load_state_dict(saved)
kept = third[0]
third = part()
fourth = part()
fourth.load_state_dict(saved)
fourth = rebuilt(fourth)
model = nn.ModuleList([first, second, third, fourth])
optimizer = torch.optim.SGD([*model.parameters(), *kept.parameters()], lr=0.1)
for _ in range(2):
    x = torch.randn(6, 4)
    optimizer.zero_grad()
    (sum(one(x).square().mean() for one in model) + kept(x).square().mean()).backward()
    optimizer.step()
