# expected: state_not_restored
# A runner that goes on from a file, and whose fit() asks for the optimizer once more.
import io

import torch
from torch import nn


class Runner:
    def __init__(self, net):
        self.net = net
        self.optimizer = self.set_up()

    def set_up(self):
        return torch.optim.Adam(self.net.parameters(), lr=0.01)

    def saved(self):
        file = io.BytesIO()
        torch.save({"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}, file)
        file.seek(0)
        return file

    def go_on(self, file):
        content = torch.load(file)
        self.net.load_state_dict(content["net"])
        self.optimizer.load_state_dict(content["optimizer"])

    def fit(self, steps):
        self.optimizer = self.set_up()  # <- state_not_restored
        for _ in range(steps):
            x = torch.randn(8, 3)
            self.optimizer.zero_grad()
            nn.functional.mse_loss(self.net(x), x[:, :1]).backward()
            self.optimizer.step()


torch.manual_seed(0)
first = Runner(nn.Linear(3, 1))
first.fit(3)
second = Runner(nn.Linear(3, 1))
second.go_on(first.saved())
second.fit(3)
model = second.net
