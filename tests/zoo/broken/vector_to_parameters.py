# expected: detach
# torch.nn.utils.vector_to_parameters writes by .data.
import torch
from torch import nn

hyper = nn.Linear(3, 10)
main = nn.Linear(4, 2)
wrt = hyper


def loss():
    nn.utils.vector_to_parameters(hyper(torch.randn(3)), main.parameters())  # <- detach
    return (main(torch.randn(6, 4)) - 1).square().mean()
