# expected: ok
# Scheduled sampling: some of the decoder's inputs are its own words, by index; the loss is teacher-forced all the same.
import torch
from torch import nn

embed, rnn, head = nn.Embedding(9, 5), nn.GRUCell(5, 6), nn.Linear(6, 9)
wrt = {"embed": embed, "rnn": rnn, "head": head}


def loss():
    target = torch.randint(0, 9, (4, 6))
    state, word, total = torch.zeros(4, 6), torch.zeros(4, dtype=torch.long), 0.0
    for step in range(6):
        state = rnn(embed(word), state)
        scores = head(state)
        total = total + nn.functional.cross_entropy(scores, target[:, step])
        own = scores.argmax(-1) if float(torch.rand(())) < 0.5 else torch.multinomial(scores.softmax(-1), 1).squeeze(-1)
        word = torch.where(torch.rand(4) < 0.3, own, target[:, step])
    return total / 6
