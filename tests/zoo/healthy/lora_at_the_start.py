# expected: ok
# LoRA: B starts at zero, so A has a gradient of exactly zero in the first step.
import torch
from torch import nn

base = nn.Linear(6, 6).requires_grad_(False)
down, up = nn.Parameter(torch.randn(6, 2)), nn.Parameter(torch.zeros(2, 6))
wrt = {"down": down, "up": up}


def loss():
    data = torch.randn(5, 6)
    return (base(data) + data @ down @ up - 1).square().mean()
