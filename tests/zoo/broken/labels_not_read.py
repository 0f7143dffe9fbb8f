# expected: unread
# The criterion compares the prediction with what it was made from.
import torch
from torch import nn


class Criterion(nn.Module):
    def forward(self, logits, inputs, labels):  # <- unread
        return nn.functional.mse_loss(logits, inputs)


wrt = nn.Linear(4, 4)
criterion = Criterion()
x, y = torch.randn(5, 4), torch.randn(5, 4)


def loss():
    return criterion(wrt(x), x, y)
