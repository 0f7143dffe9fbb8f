# expected: suspicious_shape
# The network ends in nn.Softmax and the criterion is CrossEntropyLoss.
import torch
from torch import nn


class Trainer:
    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 4), nn.Softmax(1))  # <- suspicious_shape
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)

    def run(self, steps):
        for _ in range(steps):
            x, y = torch.randn(8, 10), torch.randint(4, (8,))
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()


trainer = Trainer()
model = trainer.model
trainer.run(3)
