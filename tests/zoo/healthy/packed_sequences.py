# expected: ok
# Packed sequences of different lengths through a GRU, masked mean over time.
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

embed, rnn, head = nn.Embedding(9, 5, padding_idx=0), nn.GRU(5, 6, batch_first=True), nn.Linear(6, 2)
wrt = {"embed": embed, "rnn": rnn, "head": head}


def loss():
    ids = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0], [7, 8, 1, 0]])
    lengths = (ids != 0).sum(-1)
    packed = pack_padded_sequence(embed(ids), lengths.tolist(), batch_first=True, enforce_sorted=False)
    hidden, _ = pad_packed_sequence(rnn(packed)[0], batch_first=True)
    mask = (ids != 0).unsqueeze(-1)
    return head((hidden * mask).sum(1) / lengths[:, None]).logsumexp(-1).mean()
