# expected: unread
# thread: microsoft/A-CLIP#4
# Both views lie in one batch, and the contrastive loss is given the first one twice.
import torch
from torch import nn

wrt = nn.Linear(6, 4)
first, second = torch.randn(8, 6), torch.randn(8, 6)


def contrast(one, two):
    scores = nn.functional.normalize(one, dim=1) @ nn.functional.normalize(two, dim=1).t()
    return nn.functional.cross_entropy(scores / 0.1, torch.arange(len(one)))


def loss():
    both = wrt(torch.cat([first, second]))
    return contrast(both[:8], both[:8])  # <- unread
