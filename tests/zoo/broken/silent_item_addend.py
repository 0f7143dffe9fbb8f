# expected: left_torch
# A term added by .item() to a healthy loss, with no names.
import torch

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    output = model(torch.randn(3, 4))
    fit = (output - 1).square().mean()
    penalty = output.abs().mean().item()  # <- left_torch
    return fit + 0.1 * penalty
