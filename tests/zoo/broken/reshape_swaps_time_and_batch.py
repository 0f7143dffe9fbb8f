# expected: samples_mixed
# (time, batch, width) is given the shape (batch, time, width): the numbers stay where they are.
import torch
from torch import nn

lstm, head = nn.LSTM(3, 4), nn.Linear(4, 2)
wrt = nn.ModuleList([lstm, head])
x, labels = torch.randn(7, 5, 3), torch.tensor([0, 1, 0, 1, 1])


def loss():
    states, _ = lstm(x)
    by_sample = states.reshape(5, 7, 4)  # <- samples_mixed
    return nn.functional.cross_entropy(head(by_sample[:, -1]), labels)
