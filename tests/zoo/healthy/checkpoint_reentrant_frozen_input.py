# expected: ok
# Reentrant checkpointing behind a frozen embedding that is made to ask for a gradient, as transformers' cure does.
# thread: huggingface/transformers#23170
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

embed = nn.Embedding(10, 6).requires_grad_(False)
embed.register_forward_hook(lambda module, inputs, output: output.requires_grad_(True))
blocks = nn.ModuleList(nn.Sequential(nn.Linear(6, 6), nn.Tanh()) for _ in range(2))
head = nn.Linear(6, 2)
wrt = {"blocks": blocks, "head": head}


def loss():
    hidden = embed(torch.randint(0, 10, (4, 5)))
    for block in blocks:
        hidden = checkpoint(block, hidden, use_reentrant=True)
    return head(hidden.mean(1)).square().mean()
