# expected: constant
# A layer is made and never called.
# thread: pytorch/pytorch#57776, #70099
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 1)
        self.spare = nn.Linear(4, 4)

    def forward(self, data):
        return self.second(self.first(data))


model = Net()
wrt = model


def loss():
    return model(torch.randn(3, 4)).square().mean()  # <- constant
