# expected: detach
# .data in the forward of an embedding layer.
# thread: huggingface/torchMoji#21
import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, ids):
        rows = self.embed(ids).data  # <- detach
        return self.head(rows)


model = Tagger()
wrt = model


def loss():
    return model(torch.randint(0, 10, (3, 5))).logsumexp(-1).mean()
