# expected: overwritten
# The target is loaded with the online network's weights, and then the name is given to the online network itself.
import torch
from torch import nn


def network():
    return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))


def train(rounds):
    online, target = network(), network()
    optimizer = torch.optim.Adam(online.parameters(), lr=1e-3)
    target.load_state_dict(online.state_dict())
    target = online  # <- overwritten
    for _ in range(rounds):
        state, action, reward, after = torch.randn(8, 4), torch.randint(0, 2, (8, 1)), torch.randn(8), torch.randn(8, 4)
        with torch.no_grad():
            wanted = reward + 0.9 * target(after).max(1).values
        optimizer.zero_grad()
        (online(state).gather(1, action).squeeze(1) - wanted).square().mean().backward()
        optimizer.step()
    return online


online = train(3)
