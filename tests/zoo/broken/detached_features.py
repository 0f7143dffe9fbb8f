# expected: detach
# A library detaches the features that should be tuned.
# thread: speechbrain/speechbrain#1396
import torch
from torch import nn

backbone = nn.Linear(4, 8)
head = nn.Linear(8, 2)
wrt = {"backbone": backbone, "head": head}


def features(data):
    return backbone(data).tanh().detach()  # <- detach


def loss():
    return head(features(torch.randn(3, 4))).square().mean()
