# expected: non_finite
# The derivative of sqrt is infinite at 0.
import torch

model = torch.nn.Linear(4, 2, bias=False)
wrt = model


def loss():
    distance = model(torch.zeros(3, 4)).square().sum(-1)
    return distance.sqrt().mean()  # <- non_finite
