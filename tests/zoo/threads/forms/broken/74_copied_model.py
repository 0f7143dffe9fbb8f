import copy
import torch
from torch import nn

torch.manual_seed(0)


class NoisyLabels:
    def __init__(self, n):
        self.x = torch.randn(n, 2, 10)
        power = self.x.square().mean(2)
        self.y = (power[:, 0] > power[:, 1]).long()

    def loader(self, size):
        for idx in torch.randperm(len(self.x)).split(size):
            yield self.x[idx], self.y[idx]


class Trainer:
    def __init__(self, model, lr=3e-3):
        self.template = model
        self.model = model
        self.optim = torch.optim.RMSprop(model.parameters(), lr=lr)
        self.log = []

    def prepare(self):
        """A private copy, so that several trainers can start from one template."""
        self.model = copy.deepcopy(self.template)
        self.model.train()
        return self

    def train_step(self, x, y):
        loss = nn.functional.cross_entropy(self.model(x), y)
        self.model.zero_grad()
        loss.backward()
        self.optim.step()
        self.log.append(loss.item())

    def fit(self, data, epochs):
        self.prepare()
        for epoch in range(epochs):
            for x, y in data.loader(32):
                self.train_step(x, y)
            if epoch % 4 == 0:
                mean = sum(self.log[-16:]) / 16
                print(f"epoch {epoch} loss {mean:.4f}")


def network():
    return nn.Sequential(
        nn.Conv1d(2, 12, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 32), nn.ReLU(), nn.Linear(32, 2))


Trainer(network()).fit(NoisyLabels(512), epochs=17)
