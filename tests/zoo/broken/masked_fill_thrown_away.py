# expected: unread
# masked_fill() without an underscore gives a new tensor, which nobody takes: padding gets its share of the attention.
import torch
from torch import nn

wrt = nn.Linear(4, 4)
x, values = torch.randn(5, 4), torch.randn(5, 2)
padding = torch.tensor([False, False, False, True, True])


def loss():
    scores = wrt(x) @ x.T
    scores.masked_fill(padding, -1e9)  # <- unread
    return (scores.softmax(-1) @ values).square().mean()
