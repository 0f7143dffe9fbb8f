# expected: mode_flips
# The metric puts the model into eval mode in the first step and nobody puts it back.
import torch
from torch import nn


class Trainer:
    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
        self.optimizer = torch.optim.AdamW(self.model.parameters())
        self.model.train()

    def accuracy(self, image, label):
        self.model.eval()  # <- mode_flips
        with torch.no_grad():
            return (self.model(image).argmax(1) == label).float().mean().item()

    def step(self):
        image, label = torch.randn(6, 1, 6, 6), torch.randint(2, (6,))
        loss = nn.functional.cross_entropy(self.model(image), label)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return self.accuracy(image, label)


trainer = Trainer()
model = trainer.model
for _ in range(3):
    trainer.step()
