# expected: answer_in_sight
# A recurrent layer that reads both ways is to say which letter comes next.
import torch
from torch import nn

text = torch.tensor([[1, 4, 2, 0, 3, 5, 1, 2], [3, 3, 0, 2, 5, 4, 1, 0]])
letters, reader = nn.Embedding(6, 4), nn.LSTM(4, 3, batch_first=True, bidirectional=True)
tell = nn.Linear(6, 6)
wrt = nn.ModuleList([letters, reader, tell])


def loss():
    states, _ = reader(letters(text[:, :-1]))  # <- answer_in_sight
    return nn.functional.cross_entropy(tell(states).reshape(-1, 6), text[:, 1:].reshape(-1))
