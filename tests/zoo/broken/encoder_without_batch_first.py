# expected: samples_mixed
# A transformer's encoder takes time first unless it is told otherwise.
import torch
from torch import nn


class Scorer(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.encoder(x).mean(dim=1)).squeeze(-1)  # <- samples_mixed


wrt = Scorer()
x, scores = torch.randn(5, 7, 8), torch.randn(5)


def loss():
    return nn.functional.mse_loss(wrt(x), scores)
