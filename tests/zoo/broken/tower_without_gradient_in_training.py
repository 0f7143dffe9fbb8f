# expected: grad_disabled
# The same choice by the mode, and the wrong way round: in training the second tower gets no gradient.
import torch
from torch import nn


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.mix = nn.Embedding(12, 6), nn.Linear(6, 6)

    def forward(self, ids):
        return self.mix(self.words(ids)).tanh().mean(1)


class Matcher(nn.Module):
    def __init__(self):
        super().__init__()
        self.questions, self.passages = Tower(), Tower()

    def forward(self, questions, passages):
        if not self.training:
            found = self.passages(passages)
        else:
            with torch.no_grad():
                found = self.passages(passages)  # <- grad_disabled
        return self.questions(questions) @ found.t()


wrt = Matcher()
questions, passages = torch.randint(0, 12, (5, 3)), torch.randint(0, 12, (5, 4))


def loss():
    return nn.functional.cross_entropy(wrt(questions, passages), torch.arange(5))
