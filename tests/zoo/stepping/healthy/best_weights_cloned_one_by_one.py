# The best weights, each tensor copied; a snapshot that is written to a file in the same turn; views for a report.
import io

import torch
from torch import nn


class Keeper:
    def __init__(self, network):
        self.network, self.lowest, self.file = network, float("inf"), io.BytesIO()
        self.weights, self.now = {}, {}

    def see(self, value):
        if value < self.lowest:
            self.lowest = value
            self.keep()
            self.look()
            self.write()

    def keep(self):
        for name, one in self.network.state_dict().items():
            self.weights[name] = one.detach().cpu().clone()

    def look(self):
        self.now = {name: one.detach() for name, one in self.network.state_dict().items()}

    def write(self):
        self.file.seek(0)
        torch.save(self.now, self.file)

    def put_back(self):
        self.network.load_state_dict(self.weights)


torch.manual_seed(0)
network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
keeper = Keeper(network)
for _ in range(4):
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(network(x), x.sum(1, keepdim=True))
    loss.backward()
    optimizer.step()
    keeper.see(loss.item())
    views = {name: one.detach() for name, one in network.state_dict().items()}
    largest = max(float(one.abs().max()) for one in views.values())
keeper.put_back()
