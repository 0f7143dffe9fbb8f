# expected: ok
# Reentrant checkpointing with an input that asks for gradient.
import warnings

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

first, block, head = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 1)
wrt = {"first": first, "block": block, "head": head}


def loss():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hidden = checkpoint(block, first(torch.randn(9, 4)), use_reentrant=True)
    return head(hidden).square().mean()
