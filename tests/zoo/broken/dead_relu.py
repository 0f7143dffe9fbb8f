# expected: zero_gradient
# A bias so low that no unit is ever on.
import torch

model = torch.nn.Linear(4, 2)
torch.nn.init.constant_(model.bias, -50.0)
wrt = model


def loss():
    hidden = torch.relu(model(torch.randn(3, 4)))  # <- zero_gradient
    return (hidden - 1).square().mean()
