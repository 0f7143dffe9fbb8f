# expected: underflow
# A term with a small weight, computed in float16: its gradient is below what float16 holds, and no scaler lifts it.
import torch
from torch import nn

torch.manual_seed(0)
encoder = nn.Linear(4, 3)
wrt = encoder


def loss():
    with torch.autocast("cpu", dtype=torch.float16):
        codes = encoder(torch.randn(2, 4))
        small = codes * 2e-6  # <- underflow
    return small.float().square().mean()
