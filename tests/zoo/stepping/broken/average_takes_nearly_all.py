# expected: average_reversed
# A teacher that is to be 95 % of itself and takes 95 % of its student: the two numbers of the mean are exchanged.
import copy

import torch
from torch import nn

torch.manual_seed(0)
student = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
teacher = copy.deepcopy(student).requires_grad_(False)
optimizer = torch.optim.Adam(student.parameters(), lr=0.02)


@torch.no_grad()
def follow(keep=0.95):
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.copy_((1 - keep) * slow + keep * fast)  # <- average_reversed


for _ in range(5):
    x = torch.randn(12, 6)
    with torch.no_grad():
        goal = teacher(x + 0.1 * torch.randn(12, 6)).softmax(-1)
    loss = -(goal * student(x).log_softmax(-1)).sum(-1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    follow()
