# expected: ok
# The spread is predicted and, in this variant, left out: what is read is read once.
import torch
from torch import nn

wrt = nn.ModuleDict({"encode": nn.Linear(6, 8), "decode": nn.Linear(4, 6)})
x = torch.randn(5, 6)


def loss():
    mean, log_variance = wrt["encode"](x).chunk(2, dim=1)
    return nn.functional.mse_loss(wrt["decode"](mean), x)
