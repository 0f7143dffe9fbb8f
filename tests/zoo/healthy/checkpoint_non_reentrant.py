# expected: ok
# Checkpointing without reentry.
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

first, block, head = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 1)
wrt = {"first": first, "block": block, "head": head}


def loss():
    hidden = checkpoint(block, first(torch.randn(9, 4)), use_reentrant=False)
    return head(hidden).square().mean()
