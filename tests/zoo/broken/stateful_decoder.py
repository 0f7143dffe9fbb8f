# expected: detach
# A recurrent decoder repackages its state, as language models do between batches; here the encoder is behind it.
# thread: pytorch/examples, word_language_model's repackage_hidden
import torch
from torch import nn


def repackage(state):
    if isinstance(state, torch.Tensor):
        return state.detach()  # <- detach
    return tuple(repackage(part) for part in state)


class Captioner(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.embed = nn.Linear(9, 6), nn.Embedding(7, 5)
        self.rnn, self.head = nn.LSTM(5, 6, batch_first=True), nn.Linear(6, 7)

    def forward(self, image, words):
        start = self.encoder(image).tanh()[None]
        state = repackage((start, torch.zeros_like(start)))
        hidden, _ = self.rnn(self.embed(words), state)
        return self.head(hidden)


model = Captioner()
wrt = model


def loss():
    words = torch.randint(0, 7, (4, 6))
    scores = model(torch.randn(4, 9), words[:, :-1])
    return nn.functional.cross_entropy(scores.flatten(0, 1), words[:, 1:].flatten())
