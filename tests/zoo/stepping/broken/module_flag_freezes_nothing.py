# expected: trained_or_frozen_by_mistake
# requires_grad of a module is an attribute like any other.
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(4, 8)
        self.decoder = nn.Linear(8, 4)

    def forward(self, x):
        return self.decoder(self.encoder(x).relu())


def freeze(module):
    module.requires_grad = False  # <- trained_or_frozen_by_mistake


torch.manual_seed(0)
net = Net()
freeze(net.encoder)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(3):
    x = torch.randn(5, 4)
    optimizer.zero_grad()
    nn.functional.mse_loss(net(x), x).backward()
    optimizer.step()
