# expected: never_stepped
# Gradients are summed over sixteen micro-batches, an epoch has five, and each epoch counts from 0.
import torch
from torch import nn

torch.manual_seed(0)


class Trainer:
    def __init__(self, model, every=16):
        self.model, self.every = model, every
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def epoch(self, batches):
        self.optimizer.zero_grad()
        for number, (inputs, targets) in enumerate(batches, 1):
            loss = nn.functional.mse_loss(self.model(inputs), targets) / self.every
            loss.backward()
            if number % self.every == 0:  # <- never_stepped
                self.optimizer.step()
                self.optimizer.zero_grad()


model = nn.Sequential(nn.Linear(3, 6), nn.GELU(), nn.Linear(6, 2))
trainer = Trainer(model)
for _ in range(3):
    trainer.epoch([(torch.randn(4, 3), torch.randn(4, 2)) for _ in range(5)])
