# expected: overwritten
# The best weights as a dictionary of detached tensors: each is the memory of the parameter that goes on training.
import torch
from torch import nn


class Keeper:
    def __init__(self, network):
        self.network = network
        self.lowest = float("inf")
        self.weights = {}

    def see(self, value):
        if value < self.lowest:
            self.lowest = value
            self.keep()

    def keep(self):
        self.weights = dict((name, one.data) for name, one in self.network.state_dict().items())  # <- overwritten

    def put_back(self):
        self.network.load_state_dict(self.weights)


torch.manual_seed(0)
network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
keeper = Keeper(network)
held_out = torch.randn(20, 4)
for _ in range(4):
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    nn.functional.mse_loss(network(x), x.sum(1, keepdim=True)).backward()
    optimizer.step()
    with torch.no_grad():
        keeper.see(nn.functional.mse_loss(network(held_out), held_out.sum(1, keepdim=True)).item())
keeper.put_back()
