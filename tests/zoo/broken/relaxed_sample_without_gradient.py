# expected: sampling
# RelaxedBernoulli has a gradient, by rsample; sample gives the same numbers without one.
import torch
from torch import nn


class GatedLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.gate = nn.Linear(5, 5), nn.Parameter(torch.zeros(5))

    def forward(self, data):
        gates = torch.distributions.RelaxedBernoulli(torch.tensor(0.5), logits=self.gate).sample()  # <- sampling
        return self.layer(data) * gates


model = GatedLayer()
wrt = model


def loss():
    return (model(torch.randn(8, 5)) - 1).square().mean()
