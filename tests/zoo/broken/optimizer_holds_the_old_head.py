# expected: constant
# The head is replaced after the optimizer was made: the old one is trained.
import torch

model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
wrt = list(model[1].parameters())
model[1] = torch.nn.Linear(4, 3)


def loss():
    return model(torch.randn(6, 4)).square().mean()  # <- constant
