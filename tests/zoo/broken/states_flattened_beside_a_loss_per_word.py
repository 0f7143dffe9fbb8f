# expected: samples_mixed
# The states of both directions, (2, batch, width), become one row a sentence by view; the loss has axes for the words.
import torch
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 3)
        self.encoder = nn.GRU(3, 4, batch_first=True, bidirectional=True)
        self.code = nn.Linear(8, 4)
        self.decoder = nn.GRU(3, 4, batch_first=True)
        self.out = nn.Linear(4, 9)

    def forward(self, sentence):
        _, last = self.encoder(self.words(sentence))
        code = self.code(torch.tanh(last).view(-1, 8))  # <- samples_mixed
        return self.out(self.decoder(self.words(sentence), code[None])[0])


wrt = Autoencoder()
sentences = torch.randint(0, 9, (5, 6))


def loss():
    return nn.functional.cross_entropy(wrt(sentences)[:, :-1].transpose(1, 2), sentences[:, 1:])
