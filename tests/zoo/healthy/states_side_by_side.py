# expected: ok
# The states of a recurrent layer made one row a sentence in ways that keep each sentence's together.
import torch
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 3)
        self.encoder = nn.GRU(3, 4, batch_first=True, bidirectional=True)
        self.single = nn.GRU(3, 4, batch_first=True)
        self.code = nn.Linear(20, 4)
        self.decoder = nn.GRU(3, 4, batch_first=True)
        self.out = nn.Linear(4, 9)

    def forward(self, sentence):
        read = self.words(sentence)
        _, last = self.encoder(read)
        _, only = self.single(read)
        rows = last.transpose(0, 1).reshape(len(sentence), -1)  # the axis of the batch is moved first
        layers = last.view(1, 2, len(sentence), 4)[-1]  # layers and directions told apart, the batch left where it is
        sides = torch.cat([layers[0], layers[1]], -1)
        code = self.code(torch.cat([rows, sides, only.view(len(sentence), -1)], -1))  # one state: nothing to mix
        return self.out(self.decoder(read, code[None])[0])


wrt = Autoencoder()
sentences = torch.randint(0, 9, (5, 6))


def loss():
    return nn.functional.cross_entropy(wrt(sentences)[:, :-1].transpose(1, 2), sentences[:, 1:])
