# expected: ok
# Low-rank adapters whose second factor starts at zero, recomputed by reentrant checkpointing.
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


class Block(nn.Module):
    def __init__(self, width=6, rank=2):
        super().__init__()
        self.base = nn.Linear(width, width).requires_grad_(False)
        self.down = nn.Parameter(torch.randn(width, rank))
        self.up = nn.Parameter(torch.zeros(rank, width))

    def forward(self, x):
        return torch.tanh(self.base(x) + x @ self.down @ self.up)


blocks = nn.ModuleList([Block(), Block()])
wrt = {name: tensor for name, tensor in blocks.named_parameters() if tensor.requires_grad}
data = torch.randn(5, 6)


def loss():
    hidden = data.clone().requires_grad_(True)
    for block in blocks:
        hidden = checkpoint(block, hidden, use_reentrant=True)
    return (hidden - 1).square().mean()
