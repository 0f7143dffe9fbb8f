# expected: unread
# The loss by hand is given the mask of real frames and averages over all of them.
import torch
from torch import nn

wrt = nn.Linear(6, 6)
frames, targets = torch.randn(4, 7, 6), torch.randn(4, 7, 6)
lengths = torch.tensor([7, 5, 3, 2])
frame_mask = torch.arange(7) < lengths[:, None]


def masked_error(prediction, target, mask):  # <- unread
    error = (prediction - target) ** 2
    return error.mean()


def loss():
    return masked_error(wrt(frames), targets, frame_mask)
