# expected: average_reversed
# The average is written into the student.
import copy

import torch
from torch import nn


class MeanTeacher:
    def __init__(self):
        torch.manual_seed(0)
        self.student = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.student.parameters(), lr=1e-2)

    @torch.no_grad()
    def average(self, decay=0.99):
        for s, t in zip(self.student.parameters(), self.teacher.parameters(), strict=True):
            s.copy_(decay * s + (1 - decay) * t)  # <- average_reversed

    def step(self, x):
        with torch.no_grad():
            target = self.teacher(x + 0.1 * torch.randn_like(x))
        loss = nn.functional.mse_loss(self.student(x), target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.average()


trainer = MeanTeacher()
model = trainer.student
for _ in range(4):
    trainer.step(torch.randn(8, 4))
