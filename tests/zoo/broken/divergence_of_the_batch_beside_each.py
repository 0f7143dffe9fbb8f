# expected: suspicious_shape
# What it costs to rebuild a sample is one number each, the divergence one number of them all, by torch's own sum.
import torch
from torch import nn

wrt = nn.ModuleDict({"mean": nn.Linear(4, 2), "decoder": nn.Linear(2, 4)})
x = torch.randn(6, 4)


def loss():
    mean = wrt["mean"](x)
    cost = nn.functional.mse_loss(wrt["decoder"](mean + torch.randn_like(mean)), x, reduction="none").sum(-1)
    divergence = 0.5 * mean.square().sum(-1)
    return (cost + 0.1 * divergence.sum()).mean()  # <- suspicious_shape
