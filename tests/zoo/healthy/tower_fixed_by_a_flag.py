# expected: ok
# Two towers, and a flag that keeps one of them as it is: its weights are among those asked about, and rest.
import torch
from torch import nn


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.mix = nn.Embedding(12, 6), nn.Linear(6, 6)

    def forward(self, ids):
        return self.mix(self.words(ids)).tanh().mean(1)


class Matcher(nn.Module):
    def __init__(self, *, passages_rest):
        super().__init__()
        self.questions, self.passages, self.passages_rest = Tower(), Tower(), passages_rest

    def forward(self, questions, passages):
        if not self.passages_rest:
            found = self.passages(passages)
        else:
            with torch.no_grad():
                found = self.passages(passages)
            found.requires_grad_(True)
        return self.questions(questions) @ found.t()


wrt = Matcher(passages_rest=True)
questions, passages = torch.randint(0, 12, (5, 3)), torch.randint(0, 12, (5, 4))


def loss():
    return nn.functional.cross_entropy(wrt(questions, passages), torch.arange(5))
