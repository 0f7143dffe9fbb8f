# expected: discrete_op
# A dead term in a stacked list of losses.
import torch

model = torch.nn.Linear(4, 3)
wrt = model


def loss():
    output = model(torch.randn(6, 4))
    fit = output.square().mean()
    accuracy = (output.argmax(-1) == 1).float().mean()  # <- discrete_op
    return torch.stack([fit, accuracy]).sum()
