# expected: ok
# A bound with all its constants: the entropy of the targets and the normaliser are there for the value's sake.
import math

import torch
from torch import nn

model = nn.Linear(6, 4)
wrt = model


def loss():
    inputs, targets = torch.randn(8, 6), torch.rand(8, 4).softmax(1)
    cross = nn.functional.cross_entropy(model(inputs), targets)
    entropy = -(targets * targets.log()).sum(1).mean()
    with torch.no_grad():
        baseline = nn.functional.cross_entropy(torch.zeros(8, 4), targets)
    return cross - entropy + 0.5 * math.log(2 * math.pi) + 0.0 * baseline
