# expected: constant
# The return stands one level too deep: of four heads one is called.
import torch
from torch import nn


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(5, 2) for _ in range(4))

    def forward(self, inputs):
        total = inputs.new_zeros(len(inputs), 2)
        for head in self.heads:
            total = total + head(inputs)
            return total  # <- constant


model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), Heads())
wrt = model


def loss():
    return nn.functional.cross_entropy(model(torch.randn(6, 3)), torch.tensor([0, 1, 1, 0, 1, 0]))
