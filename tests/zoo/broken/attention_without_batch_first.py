# expected: samples_mixed
# The attention takes the first axis for positions, and is given samples there: they attend to each other.
import torch
from torch import nn

attention, out = nn.MultiheadAttention(16, 4), nn.Linear(16, 3)
wrt = nn.ModuleDict({"attention": attention, "out": out})
x, labels = torch.randn(4, 6, 16), torch.tensor([0, 1, 2, 0])


def loss():
    hidden, weights = attention(x, x, x)  # <- samples_mixed
    return nn.functional.cross_entropy(out(hidden.mean(1)), labels)
