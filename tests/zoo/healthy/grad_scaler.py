# expected: ok
# Mixed precision with a GradScaler: the scaled loss is what goes backward.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 2))
scaler = torch.amp.GradScaler("cpu")
wrt = model


def loss():
    with torch.autocast("cpu", dtype=torch.float16):
        output = model(torch.randn(16, 8))
        value = nn.functional.mse_loss(output.float(), torch.randn(16, 2))
    return scaler.scale(value)
