# expected: ok
# Tensors that are given for their shape, their length or on purpose for nothing; a mask that the loss reads.
import torch
from torch import nn


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(4))
        self.head = nn.Linear(4, 4)

    def forward(self, like, mask, _context):
        states = self.start.expand(like.shape[0], like.shape[1], 4)
        return self.head(states + torch.arange(like.shape[1])[:, None])


def masked(prediction, target, mask):
    return ((prediction - target).square().mean(-1) * mask).sum() / mask.sum()


wrt = Decoder()
like, mask, context = torch.randn(3, 5, 4), torch.ones(3, 5), torch.randn(3, 2)


def loss():
    return masked(wrt(like, mask, context), like, mask)
