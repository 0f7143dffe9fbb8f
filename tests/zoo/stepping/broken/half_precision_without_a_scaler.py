# expected: underflow
# A float16 model whose loss is a mean over many elements, without a scaler.
import torch
from torch import nn


class Trainer:
    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16)).half()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = ((self.model(x) - y) ** 2).mean() * 1e-7  # <- underflow
        loss.backward()
        self.optimizer.step()


trainer = Trainer()
model = trainer.model
for _ in range(3):
    trainer.step(torch.randn(32, 16).half(), torch.randn(32, 16).half())
