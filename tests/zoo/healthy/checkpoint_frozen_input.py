# expected: ok
# Non-reentrant checkpointing behind a frozen embedding: the blocks still learn.
# thread: huggingface/transformers#21381
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

embed = nn.Embedding(10, 6).requires_grad_(False)
block = nn.Sequential(nn.Linear(6, 6), nn.GELU(), nn.Dropout(0.1), nn.Linear(6, 6))
stack = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh())
head = nn.Linear(6, 2)
wrt = {"block": block, "stack": stack, "head": head}


def loss():
    hidden = embed(torch.randint(0, 10, (4, 5)))
    hidden = hidden + checkpoint(block, hidden, use_reentrant=False)
    hidden = checkpoint_sequential(stack, 2, hidden, use_reentrant=False)
    return head(hidden.mean(1)).square().mean()
