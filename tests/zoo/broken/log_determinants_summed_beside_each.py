# expected: suspicious_shape
# The flow gives a log-determinant for each sample; Python's sum() makes one number of them, and each sample pays for all.
import torch
from torch import nn

wrt = nn.ModuleDict({"shift": nn.Linear(4, 4), "scale": nn.Linear(4, 1)})
x = torch.randn(6, 4)


def flow(z):
    log_scale = wrt["scale"](z).tanh()
    return z * log_scale.exp() + wrt["shift"](z), 4 * log_scale.squeeze(-1)


def loss():
    z, log_det = flow(x)
    density = -0.5 * z.square().sum(-1)
    return -(density + sum(log_det)).mean()  # <- suspicious_shape
