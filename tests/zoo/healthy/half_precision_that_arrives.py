# expected: ok
# float16 with a scaled loss, bfloat16 with a small one, and a zero-initialised gate in float16 that learns.
import torch
from torch import nn

torch.manual_seed(0)
encoder, gate = nn.Linear(4, 3).half(), nn.Parameter(torch.zeros(3, dtype=torch.float16))
wide = nn.Linear(4, 3).bfloat16()
wrt = {"encoder": encoder, "gate": gate, "wide": wide}


def loss():
    codes = encoder(torch.randn(2, 4).half()) * gate
    scaled = codes.float().sum() * 1024.0 + 1.0
    small = (wide(torch.randn(2, 4).bfloat16()) * 1e-6).float().square().mean()
    return scaled + small
