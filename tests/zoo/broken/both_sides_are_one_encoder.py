# expected: one_for_several
# A query and a document encoder, made by multiplying a list: there is one, and it reads both.
import torch
from torch import nn


class Matcher(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoders = nn.ModuleList(2 * [nn.Sequential(nn.Linear(4, 6), nn.Tanh())])  # <- one_for_several

    def forward(self, queries, documents):
        query, document = self.encoders
        return query(queries) @ document(documents).T


model = wrt = Matcher()


def loss():
    scores = model(torch.linspace(-1, 1, 12).view(3, 4), torch.linspace(1, 0, 12).view(3, 4))
    return nn.functional.cross_entropy(scores, torch.arange(3))
