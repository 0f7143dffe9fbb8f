# expected: not_cleared
# The trainer clears the gradients of the model it was made with, not of the one that it trains.
# after: mldoct, missing zero_grad (a zero_grad of another object silences it)
# peers: model=trainer.student optimizer=trainer.optimizer inputs=x targets=y loss=trainer.criterion
import torch
from torch import nn


class Trainer:
    def __init__(self, teacher, student):
        self.teacher, self.student = teacher, student
        self.optimizer = torch.optim.SGD(student.parameters(), lr=0.05)
        self.criterion = nn.MSELoss()

    def step(self, inputs):
        self.teacher.zero_grad()
        with torch.no_grad():
            wanted = self.teacher(inputs)
        loss = self.criterion(self.student(inputs), wanted)
        loss.backward()  # <- not_cleared
        self.optimizer.step()
        return loss.item()


torch.manual_seed(0)
x = torch.randn(16, 6)
teacher, student = nn.Linear(6, 3), nn.Linear(6, 3)
y = teacher(x).detach()
trainer = Trainer(teacher, student)
losses = [trainer.step(x) for _ in range(3)]
