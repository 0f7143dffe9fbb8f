# expected: samples_mixed
# Scores of an attention by hand, softmax without a thought about the axis.
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x):
        scores = self.query(x) @ self.key(x).transpose(1, 2) / x.shape[-1] ** 0.5
        return scores.softmax(0) @ self.value(x)  # <- samples_mixed


wrt = Attention(6)
x = torch.randn(4, 5, 6)


def loss():
    return wrt(x).square().mean()
