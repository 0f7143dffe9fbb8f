# expected: zero_gradient
# A binary layer by sign.
import torch

model = torch.nn.Linear(4, 4)
wrt = model


def loss():
    bits = torch.sign(model(torch.randn(3, 4)))  # <- zero_gradient
    return (bits - 0.3).square().mean()
