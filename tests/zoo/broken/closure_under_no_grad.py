# expected: grad_disabled
# An optimizer's step() switches gradient off and calls the closure that it is handed without switching it on again.
import torch
from torch import nn

wrt = nn.Linear(4, 1)
inputs = torch.randn(6, 4)


@torch.no_grad()
def step(closure):
    value = closure()  # <- grad_disabled
    for weight in wrt.parameters():
        weight.mul_(1.0)
    return value


def loss():
    return step(lambda: wrt(inputs).square().mean())
