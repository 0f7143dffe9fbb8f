# expected: ok
# A compiled function between eager layers; while it is watched, it runs eagerly.
import torch
from torch import nn

first, last = nn.Linear(4, 6), nn.Linear(6, 1)
wrt = {"first": first, "last": last}


@torch.compile(backend="eager")
def middle(value):
    return torch.nn.functional.gelu(value) * value.sigmoid()


def loss():
    return last(middle(first(torch.randn(5, 4)))).square().mean()
