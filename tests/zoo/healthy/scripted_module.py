# expected: ok
# A scripted and a traced function in the middle of eager code.
import warnings

import torch
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch.jit is on its way out, and still much used

    @torch.jit.script
    def swish(value: torch.Tensor) -> torch.Tensor:
        return value * torch.sigmoid(value)

    block = torch.jit.trace(nn.Sequential(nn.Linear(6, 6), nn.Tanh()), torch.randn(2, 6))
first, last = nn.Linear(4, 6), nn.Linear(6, 1)
wrt = {"first": first, "block": block, "last": last}


def loss():
    return last(block(swish(first(torch.randn(5, 4))))).square().mean()
