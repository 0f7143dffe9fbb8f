# expected: ok
# A teacher with BatchNorm, copied anew from the student in every step, gives targets without gradient.
import copy

import torch
from torch import nn

student = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
wrt = student
clean, noisy = torch.randn(8, 4), torch.randn(8, 4)


def loss():
    teacher = copy.deepcopy(student)
    with torch.no_grad():
        goal = teacher(clean)
    return (student(noisy) - goal).square().mean()
