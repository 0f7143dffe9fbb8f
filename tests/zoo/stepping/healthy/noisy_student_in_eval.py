# The teacher runs in eval mode, the student in train mode, by turns.
import copy

import torch
from torch import nn

student = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
teacher = copy.deepcopy(student).requires_grad_(False).eval()
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
for _ in range(2):
    x = torch.randn(6, 4)
    optimizer.zero_grad()
    nn.functional.mse_loss(student(x), teacher(x)).backward()
    optimizer.step()
