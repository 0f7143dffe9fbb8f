# expected: ok
# Shares of classes, one class or none, labels of yes and no, padding of 0 behind CTC's labels, an outlier.
import torch
from torch import nn

wrt = nn.Linear(8, 4)
x = torch.randn(6, 8)
shares = torch.tensor([[0.5, 0.5, 0, 0], [0, 0.2, 0.8, 0], [0, 0, 0, 1]]).repeat(2, 1)
one_or_none = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]).repeat(2, 1)
labels = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]).repeat(2, 1)
words, sizes = torch.tensor([[3, 1, 0], [2, 0, 0]]), torch.tensor([2, 1])
wide = torch.tensor([0.2, 0.9, 0.4, 0.1, 0.7, 1.4])


def loss():
    functional, logits = nn.functional, wrt(x)
    frames = logits.log_softmax(-1)[:, None].expand(6, 2, 4)
    return (
        functional.cross_entropy(logits, shares)
        + functional.cross_entropy(logits, one_or_none)
        + functional.binary_cross_entropy_with_logits(logits, labels)
        + functional.binary_cross_entropy(logits.sigmoid(), labels)
        + functional.ctc_loss(frames, words, torch.tensor([6, 6]), sizes)
        + functional.mse_loss(logits[:, 0].sigmoid(), wide)
    )
