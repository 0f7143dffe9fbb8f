# expected: average_reversed
# The same written with .data, mul_ and add_.
import copy

import torch
from torch import nn

student = nn.Linear(4, 3)
teacher = copy.deepcopy(student)
for parameter in teacher.parameters():
    parameter.requires_grad = False
optimizer = torch.optim.Adam(student.parameters(), lr=0.05)


def update_teacher(decay=0.9):
    for old, new in zip(teacher.parameters(), student.parameters(), strict=True):
        new.data.mul_(decay).add_(old.data, alpha=1 - decay)  # <- average_reversed


for _ in range(3):
    x = torch.randn(6, 4)
    optimizer.zero_grad()
    (student(x) - teacher(x).roll(1)).square().mean().backward()
    optimizer.step()
    update_teacher()
