# expected: ok
# Truncated back-propagation: the state is detached between chunks, not inside them.
import torch
from torch import nn

rnn, head = nn.LSTM(3, 5), nn.Linear(5, 3)
wrt = {"rnn": rnn, "head": head}


def loss():
    state = None
    total = 0.0
    for chunk in torch.randn(12, 2, 3).split(4):
        if state is not None:
            state = tuple(part.detach() for part in state)
        output, state = rnn(chunk, state)
        total = total + (head(output) - chunk).square().mean()
    return total
