# expected: constant
# The output of a classification head is thrown away; the teacher that is copied in every step has nothing to do with it.
import copy

import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU())
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        features = self.trunk(x)
        self.head(features)  # <- constant
        return features


encoder, predictor = Encoder(), nn.Linear(6, 6)
wrt = {"encoder": encoder, "predictor": predictor}
data = torch.randn(8, 4)


def loss():
    teacher = copy.deepcopy(encoder)
    with torch.no_grad():
        goal = teacher(data)
    return (predictor(encoder(data)) - goal).square().mean()
