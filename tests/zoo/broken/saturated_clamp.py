# expected: zero_gradient
# Everything lies outside the clamp.
import torch

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    output = model(torch.randn(3, 4)) + 100
    return output.clamp(0, 1).mean()  # <- zero_gradient
