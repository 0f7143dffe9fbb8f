# expected: samples_mixed
# The states of both directions, (2, batch, width), are flattened as if the batch came first.
import torch
from torch import nn


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 4, batch_first=True, bidirectional=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        _, last = self.gru(x)
        return self.head(last.view(x.shape[0], -1))  # <- samples_mixed


wrt = Reader()
x, labels = torch.randn(5, 6, 3), torch.tensor([0, 1, 0, 1, 1])


def loss():
    return nn.functional.cross_entropy(wrt(x), labels)
