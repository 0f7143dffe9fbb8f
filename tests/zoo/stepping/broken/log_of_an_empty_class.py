# expected: non_finite
# The log of a probability that is exactly 0 where the mask says nothing: 0 times infinity.
import torch
from torch import nn


class Trainer:
    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Linear(4, 3)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def loss(self, x, allowed, label):
        score = self.model(x).masked_fill(~allowed, float("-inf"))
        p = score.softmax(-1)
        entropy = -(p * p.log()).sum(-1)
        return nn.functional.cross_entropy(score, label) - 0.01 * entropy.mean()

    def step(self):
        x, label = torch.randn(6, 4), torch.zeros(6, dtype=torch.long)
        allowed = torch.tensor([True, True, False]).expand(6, 3)
        self.optimizer.zero_grad()
        self.loss(x, allowed, label).backward()  # <- non_finite
        self.optimizer.step()


trainer = Trainer()
model = trainer.model
for _ in range(3):
    trainer.step()
