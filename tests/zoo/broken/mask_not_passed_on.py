# expected: unread
# The padding mask arrives in forward and goes no further: the attention reads the padding.
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x, padding_mask):
        mixed, _ = self.attention(x, x, x)  # <- unread
        return self.head(mixed.mean(1))


wrt = Encoder()
x, padding_mask, labels = torch.randn(4, 5, 8), torch.zeros(4, 5, dtype=torch.bool), torch.tensor([0, 1, 2, 0])
padding_mask[:, 3:] = True


def loss():
    return nn.functional.cross_entropy(wrt(x, padding_mask), labels)
