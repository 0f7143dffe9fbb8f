# expected: changed_too_late
# Gradients are clamped in a loop, once the optimizer has used them.
import torch
from torch import nn


class Trainer:
    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.LSTM(3, 4, num_layers=2)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.5)

    def step(self, x):
        self.optimizer.zero_grad()
        output, _ = self.model(x)
        output.pow(2).mean().backward()
        self.optimizer.step()
        for parameter in self.model.parameters():
            parameter.grad.clamp_(-0.1, 0.1)  # <- changed_too_late


trainer = Trainer()
model = trainer.model
for _ in range(3):
    trainer.step(torch.randn(5, 2, 3))
