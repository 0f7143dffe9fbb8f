# expected: ok
# Python decides by values: a clipped loop, an early break, a branch on the loss so far.
import torch
from torch import nn

model = nn.Linear(4, 4)
wrt = model


def loss():
    state = torch.randn(3, 4)
    for _ in range(10):
        after = torch.tanh(model(state))
        if (after - state).norm() < 1e-3:
            break
        state = after
    error = (state - 1).square().mean()
    return error if error.item() < 100 else error.log()
