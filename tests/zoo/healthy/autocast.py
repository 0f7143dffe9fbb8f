# expected: ok
# Mixed precision by autocast.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
wrt = model


def loss():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(torch.randn(16, 8))
    return output.float().square().mean()
