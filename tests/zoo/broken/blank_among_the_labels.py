# expected: targets_misread
# Characters are numbered from 0, and 0 is the blank.
import torch
from torch import nn

wrt = nn.Linear(8, 6)
x, labels = torch.randn(12, 3, 8), torch.tensor([[0, 3, 1], [2, 0, 4], [5, 1, 0]])
frames, sizes = torch.full((3,), 12), torch.tensor([3, 3, 2])


def loss():
    return nn.functional.ctc_loss(wrt(x).log_softmax(-1), labels, frames, sizes)  # <- targets_misread
