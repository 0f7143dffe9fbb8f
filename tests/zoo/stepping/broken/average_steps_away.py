# expected: average_reversed
# The teacher is to follow the student, and the difference that is taken off has its terms turned round.
import copy

import torch
from torch import nn

student = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
teacher = copy.deepcopy(student).requires_grad_(False)
optimizer = torch.optim.AdamW(student.parameters(), lr=1e-2)
for _ in range(3):
    x = torch.randn(6, 4)
    with torch.no_grad():
        goal = teacher(x).softmax(1)
    optimizer.zero_grad()
    nn.functional.cross_entropy(student(x + torch.randn_like(x)), goal).backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
            slow.sub_((fast - slow) * 0.05)  # <- average_reversed
