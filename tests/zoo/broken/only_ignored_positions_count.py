# expected: unread
# The mask is of what is to be ignored, and what it is multiplied by is what counts.
import torch
from torch import nn

IGNORED = -1
wrt = nn.Linear(8, 5)
x, targets = (
    torch.randn(3, 4, 8),
    torch.tensor([[4, 2, 3, 1], [3, 0, IGNORED, IGNORED], [1, IGNORED, IGNORED, IGNORED]]),
)


def loss():
    ignore = targets == IGNORED
    wanted = targets.masked_fill(ignore, 0)
    chosen = wrt(x).log_softmax(-1).gather(2, wanted[..., None]).squeeze(-1)
    return -(chosen * ignore).mean()  # <- unread
