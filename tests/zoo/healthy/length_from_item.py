# expected: ok
# A Python length steers slicing.
import torch

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    output = model(torch.randn(6, 4))
    keep = int((output.sum(-1) > -1e9).sum())
    return output[:keep].square().mean() + torch.zeros(())
