# expected: ok
# A tagger of single sentences: as many rows in the loss as steps in time, and a batch of one.
import torch
from torch import nn

embedding, lstm, head = nn.Embedding(10, 4), nn.LSTM(4, 6), nn.Linear(6, 3)
wrt = nn.ModuleList([embedding, lstm, head])
sentence, tags = torch.tensor([3, 1, 4, 1, 5]), torch.tensor([0, 1, 2, 1, 0])


def loss():
    states, _ = lstm(embedding(sentence).view(len(sentence), 1, -1))
    return nn.functional.nll_loss(head(states.view(len(sentence), -1)).log_softmax(1), tags)
