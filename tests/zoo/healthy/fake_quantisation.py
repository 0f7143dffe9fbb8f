# expected: ok
# Quantisation-aware training by torch's own fake quantisation, with an observer that keeps numbers.
import torch
from torch import nn

model, head = nn.Linear(6, 6), nn.Linear(6, 2)
wrt = {"model": model, "head": head}
seen = {"largest": 0.0}


def quantised(value):
    seen["largest"] = max(seen["largest"], value.detach().abs().max().item())
    return torch.fake_quantize_per_tensor_affine(value, seen["largest"] / 127, 0, -128, 127)


def loss():
    return (head(quantised(model(torch.randn(5, 6)))) - 1).square().mean()
