# expected: ok
# LSTM and CTC.
import torch
from torch import nn

rnn, head = nn.LSTM(6, 8, bidirectional=True), nn.Linear(16, 5)
wrt = {"rnn": rnn, "head": head}


def loss():
    frames, _ = rnn(torch.randn(12, 3, 6))
    log_probabilities = head(frames).log_softmax(-1)
    targets = torch.randint(1, 5, (3, 4))
    return nn.functional.ctc_loss(log_probabilities, targets, torch.full((3,), 12), torch.full((3,), 4))
