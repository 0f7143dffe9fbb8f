# expected: grad_disabled
# Reentrant checkpointing whose input asks for no gradient records nothing.
# thread: huggingface/transformers#21381, #23170
import warnings

import torch
from torch.utils.checkpoint import checkpoint

block = torch.nn.Linear(4, 4)
head = torch.nn.Linear(4, 1)
wrt = {"block": block, "head": head}


def loss():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hidden = checkpoint(block, torch.randn(3, 4), use_reentrant=True)  # <- grad_disabled
    return head(hidden).square().mean()
