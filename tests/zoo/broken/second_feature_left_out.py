# expected: unread
# Two views of a sample go into forward; the concatenation takes the first one twice.
import torch
from torch import nn


class TwoTowers(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 2)

    def forward(self, image, depth):  # <- unread
        return self.head(torch.cat([image, image], dim=-1))


wrt = TwoTowers()
image, depth, labels = torch.randn(6, 4), torch.randn(6, 4), torch.tensor([0, 1, 0, 1, 0, 1])


def loss():
    return nn.functional.cross_entropy(wrt(image, depth), labels)
