# expected: detach
# A penalty on .grad: it holds numbers of a finished backward pass, without a history.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
wrt = model


def loss():
    fit = model(torch.randn(8, 4)).square().mean()
    fit.backward(retain_graph=True)
    norms = torch.stack([parameter.grad.norm() for parameter in model.parameters()])  # <- detach
    return {"fit": fit, "penalty": norms.square().sum()}
