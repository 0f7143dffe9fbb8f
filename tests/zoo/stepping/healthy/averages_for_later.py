# expected: ok
# An average that is saved, a best copy, and a target network that a method asks: none of them is a target unasked.
import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
average, best, target = (copy.deepcopy(model).requires_grad_(False) for _ in range(3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def values_of(network, state):
    with torch.no_grad():
        return network(state).max(dim=1).values


for step in range(3):
    state, goal = torch.randn(8, 4), torch.randn(8)
    value = model(state).max(dim=1).values
    optimizer.zero_grad()
    nn.functional.mse_loss(value, goal + 0.9 * values_of(target, state)).backward()
    optimizer.step()
    with torch.no_grad():
        for kept, moved in zip(average.parameters(), model.parameters(), strict=True):
            kept.lerp_(moved, 0.05)
    target.load_state_dict(model.state_dict())
    if step == 1:
        best.load_state_dict(model.state_dict())
