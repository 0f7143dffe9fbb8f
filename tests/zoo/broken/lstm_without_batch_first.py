# expected: samples_mixed
# Batches come first here, the LSTM thinks that time does, and reads from sample to sample.
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 6)
        self.lstm = nn.LSTM(6, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, ids):
        states, _ = self.lstm(self.embedding(ids))  # <- samples_mixed
        return self.head(states[:, -1])


wrt = Classifier()
ids, labels = torch.randint(20, (6, 9)), torch.tensor([0, 1, 0, 1, 0, 1])


def loss():
    return nn.functional.cross_entropy(wrt(ids), labels)
