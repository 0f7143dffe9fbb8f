# expected: samples_mixed
# Probabilities are to sum to one over the classes, and sum to one over the batch.
import torch
from torch import nn

wrt = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 3))
x, labels = torch.randn(8, 5), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])


def loss():
    log_probabilities = wrt(x).log_softmax(dim=0)  # <- samples_mixed
    return nn.functional.nll_loss(log_probabilities, labels)
