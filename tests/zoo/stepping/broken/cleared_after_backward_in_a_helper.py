# expected: cleared_early
# The helper clears in the wrong order.
import torch
from torch import nn


class Trainer:
    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)

    def update(self, loss):
        loss.backward()
        self.optimizer.zero_grad()  # <- cleared_early
        self.optimizer.step()

    def train(self):
        for _ in range(3):
            image, label = torch.randn(4, 1, 8, 8), torch.randint(3, (4,))
            self.update(nn.functional.cross_entropy(self.model(image), label))


trainer = Trainer()
model = trainer.model
trainer.train()
