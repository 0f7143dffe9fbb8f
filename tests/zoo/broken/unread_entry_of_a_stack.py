# expected: zero_gradient
# Three learnt scales are stacked and two of them are read.
import torch

scales = {name: torch.nn.Parameter(torch.ones(())) for name in ("near", "middle", "far")}
wrt = scales
data = torch.randn(4)


def loss():
    table = torch.stack([scales["near"], scales["middle"], scales["far"]])  # <- zero_gradient
    return (table[0] * data).square().sum() + (table[2] - data).square().sum()
