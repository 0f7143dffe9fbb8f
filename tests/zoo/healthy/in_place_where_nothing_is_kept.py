# expected: ok
# In place on what no operation keeps, on buffers under no_grad, and labels of which some are ignored.
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Linear(4, 10)
running = torch.zeros(10)
wrt = model


def loss():
    hidden = model(torch.randn(6, 4))
    hidden += 1
    hidden[0].mul_(2)
    with torch.no_grad():
        running.mul_(0.9).add_(hidden.mean(0), alpha=0.1)
    labels = torch.tensor([1, -100, 2, -100, -100, 3])
    return F.cross_entropy(hidden, labels) + F.cross_entropy(hidden, torch.full((6,), -100), reduction="sum")
