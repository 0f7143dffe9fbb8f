# expected: ok
# The same step() as torch's own optimizers write it: gradient is on again around the closure.
import torch
from torch import nn

wrt = nn.Linear(4, 1)
inputs = torch.randn(6, 4)


@torch.no_grad()
def step(closure):
    with torch.enable_grad():
        return closure()


def loss():
    return step(lambda: wrt(inputs).square().mean())
