# expected: sampling
# A stochastic gate by torch.bernoulli.
import torch

gate = torch.nn.Parameter(torch.zeros(4))
wrt = {"gate": gate}


def loss():
    mask = torch.bernoulli(torch.sigmoid(gate))  # <- sampling
    return (mask * torch.randn(4)).sum()
