# expected: not_cleared
# A trainer class: the judge is differentiated first and stepped last, and the generator's turn comes in between.
import torch
from torch import nn
from torch.nn.functional import softplus


class Trainer:
    def __init__(self):
        self.generator, self.judge = nn.Linear(3, 5), nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1))
        self.generator_optimizer = torch.optim.SGD(self.generator.parameters(), lr=0.01)
        self.judge_optimizer = torch.optim.SGD(self.judge.parameters(), lr=0.01)

    def judge_gradient(self, real, fake):
        self.judge_optimizer.zero_grad()
        softplus(-self.judge(real)).mean().backward()
        softplus(self.judge(fake.detach())).mean().backward()

    def generator_gradient(self, fake):
        self.generator_optimizer.zero_grad()
        softplus(-self.judge(fake)).mean().backward()  # <- not_cleared

    def round(self):
        fake = self.generator(torch.randn(6, 3))
        self.judge_gradient(torch.randn(6, 5), fake)
        self.generator_gradient(fake)
        self.generator_optimizer.step()
        self.judge_optimizer.step()


trainer = Trainer()
generator, judge = trainer.generator, trainer.judge
for _ in range(3):
    trainer.round()
