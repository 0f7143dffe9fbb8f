# expected: overwritten
# The checkpoint is loaded in __init__, and apply(init) comes after.
import io

import torch
from torch import nn


def initialise(part):
    if isinstance(part, nn.Linear | nn.Conv1d):
        nn.init.kaiming_normal_(part.weight)
        nn.init.zeros_(part.bias)


class Network(nn.Module):
    def __init__(self, state=None):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(2, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(30, 2))
        if state is not None:
            self.load_state_dict(state)
        self.apply(initialise)  # <- overwritten

    def forward(self, x):
        return self.net(x)


def main():
    torch.manual_seed(0)
    buffer = io.BytesIO()
    torch.save(Network().state_dict(), buffer)
    buffer.seek(0)
    net = Network(torch.load(buffer))
    opt = torch.optim.Adam(net.parameters())
    for _ in range(3):
        loss = nn.functional.cross_entropy(net(torch.randn(4, 2, 8)), torch.randint(2, (4,)))
        opt.zero_grad()
        loss.backward()
        opt.step()
    return net


model = main()
