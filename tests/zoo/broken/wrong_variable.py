# expected: constant
# The loss compares the target with itself.
import torch
import torch.nn.functional as F

model = torch.nn.Linear(4, 2)
wrt = model


def loss():
    data, target = torch.randn(3, 4), torch.randn(3, 2)
    output = model(data)
    output = target
    return F.mse_loss(output, target + 1)  # <- constant
