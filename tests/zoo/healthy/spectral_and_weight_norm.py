# expected: ok
# Parametrised weights: spectral_norm and weight_norm, in their present form.
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

model = nn.Sequential(spectral_norm(nn.Linear(4, 6)), nn.ELU(), weight_norm(nn.Linear(6, 2)))
wrt = model


def loss():
    return (model(torch.randn(5, 4)) - 1).square().mean()
