# expected: discrete_op
# A rank correlation from argsort.
import torch

model = torch.nn.Linear(4, 1)
wrt = model


def loss():
    ranks = model(torch.randn(7, 4)).squeeze(-1).argsort().float()  # <- discrete_op
    return (ranks - torch.arange(7.0)).square().mean()
