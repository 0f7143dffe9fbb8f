# expected: axes_renamed
# A convolution over time wants the features in front of the times, and reshape does not move them.
import torch
from torch import nn

rnn, conv = nn.GRU(4, 6, batch_first=True), nn.Conv1d(6, 2, 3)
wrt = nn.ModuleDict({"rnn": rnn, "conv": conv})
x = torch.randn(3, 7, 4)


def loss():
    hidden, _ = rnn(x)
    hidden = hidden.reshape(3, 6, 7)  # <- axes_renamed
    return conv(hidden).square().mean()
