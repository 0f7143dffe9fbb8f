# expected: zero_gradient
# Attention so sharp that softmax underflows to one-hot rows: the queries learn nothing any more.
import torch
from torch import nn

query, key, value = nn.Linear(6, 4), nn.Linear(6, 4), nn.Linear(6, 4)
wrt = {"query": query, "value": value}


def loss():
    tokens = torch.randn(5, 6)
    scores = query(tokens) @ key(tokens).T / 1e-6
    attention = scores.softmax(-1)  # <- zero_gradient
    return (attention @ value(tokens)).square().mean()
