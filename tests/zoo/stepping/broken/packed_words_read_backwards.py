# expected: answer_in_sight
# A language model over packed texts reads them in both directions: each word's state has seen the next word.
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Model(nn.Module):
    def __init__(self, words, width=6):
        super().__init__()
        self.words = nn.Embedding(words, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, bidirectional=True)  # <- answer_in_sight
        self.read = nn.Linear(2 * width, words)

    def forward(self, ids, lengths):
        packed = pack_padded_sequence(self.words(ids).transpose(0, 1), lengths, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], total_length=ids.size(1))
        return self.read(states.transpose(0, 1))


model = Model(11)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(2):
    ids, lengths = torch.randint(1, 11, (5, 9)), torch.tensor([8, 3, 6, 5, 7])
    ids[torch.arange(9) > lengths[:, None]] = 0
    logits = model(ids[:, :-1], lengths)
    optimizer.zero_grad()
    nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=0).backward()
    optimizer.step()
