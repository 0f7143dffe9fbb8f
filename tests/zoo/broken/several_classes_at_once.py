# expected: targets_misread
# Films of several genres, and a loss that lets the genres compete.
import torch
from torch import nn

wrt = nn.Linear(8, 4)
criterion = nn.CrossEntropyLoss()
films = torch.randn(6, 8)
genres = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]).repeat(2, 1)


def loss():
    return criterion(wrt(films), genres)  # <- targets_misread
