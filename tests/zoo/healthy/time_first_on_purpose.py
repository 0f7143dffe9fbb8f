# expected: ok
# The LSTM and the encoder take time first and are given it first; states of both directions are put together.
import torch
from torch import nn


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, bidirectional=True)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        states, (last, _) = self.lstm(x)
        encoded = self.encoder(states)
        both = last.transpose(0, 1).reshape(x.shape[1], -1)
        return self.head(encoded[-1] + both)


wrt = Reader()
x, labels = torch.randn(7, 5, 3), torch.tensor([0, 1, 0, 1, 1])


def loss():
    return nn.functional.cross_entropy(wrt(x), labels)
