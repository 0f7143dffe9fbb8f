# expected: detach
# Truncated back-propagation that truncates at every step.
import torch
from torch import nn

cell = nn.GRUCell(3, 5)
start = nn.Parameter(torch.zeros(1, 5))
wrt = {"start": start}


def loss():
    state = start
    for frame in torch.randn(4, 1, 3):
        state = cell(frame, state.detach())  # <- detach
    return state.square().mean()
