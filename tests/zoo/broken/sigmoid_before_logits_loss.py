# expected: suspicious_shape
# Probabilities given to a loss that takes logits.
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Linear(4, 1)
wrt = model


def loss():
    probability = torch.sigmoid(model(torch.randn(6, 4))).squeeze(-1)
    labels = torch.randint(0, 2, (6,)).float()
    return F.binary_cross_entropy_with_logits(probability, labels)  # <- suspicious_shape
