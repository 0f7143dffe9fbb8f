# Packed texts: a language model that reads forwards alone, beside a tagger of words that reads them in both directions.
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Model(nn.Module):
    def __init__(self, words, tags, width=6):
        super().__init__()
        self.words = nn.Embedding(words, width, padding_idx=0)
        self.forwards = nn.LSTM(width, width, batch_first=True)
        self.both = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.read, self.tag = nn.Linear(width, words), nn.Linear(2 * width, tags)

    def forward(self, ids, lengths):
        packed = pack_padded_sequence(self.words(ids), lengths, batch_first=True, enforce_sorted=False)
        states, tags = (
            pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=ids.size(1))[0]
            for layer in (self.forwards, self.both)
        )
        return self.read(states), self.tag(tags)


model = Model(11, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(2):
    ids, lengths = torch.randint(1, 11, (5, 9)), torch.tensor([8, 3, 6, 5, 7])
    ids[torch.arange(9) > lengths[:, None]] = 0
    words, tags = model(ids[:, :-1], lengths)
    given = ids[:, :-1] > 0
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(words.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=0)
    (loss + nn.functional.cross_entropy(tags[given], (ids[:, :-1] % 3)[given])).backward()
    optimizer.step()
