# expected: detach
# A hypernetwork's output is written into another network through .data: the values arrive, the history does not.
import torch
from torch import nn

hyper = nn.Linear(3, 8)
main = nn.Linear(4, 2, bias=False)
wrt = hyper


def loss():
    made = hyper(torch.randn(3)).view(2, 4)
    main.weight.data.copy_(made)  # <- detach
    return (main(torch.randn(6, 4)) - 1).square().mean()
