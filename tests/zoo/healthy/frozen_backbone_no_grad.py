# expected: ok
# A frozen backbone under no_grad, its head learns.
import torch
from torch import nn

backbone = nn.Linear(4, 8).requires_grad_(False)
head = nn.Linear(8, 2)
wrt = head


def loss():
    with torch.no_grad():
        features = backbone(torch.randn(3, 4))
    return head(features).square().mean()
