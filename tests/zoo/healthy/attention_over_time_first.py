# expected: ok
# Time comes first, as the attention and the pooling take it; the loss has a row a sample.
import torch
from torch import nn

attention, score, out = nn.MultiheadAttention(16, 4), nn.Linear(16, 1), nn.Linear(16, 3)
wrt = nn.ModuleDict({"attention": attention, "score": score, "out": out})
x, labels = torch.randn(6, 4, 16), torch.tensor([0, 1, 2, 0])


def loss():
    hidden, weights = attention(x, x, x)
    pooled = (torch.softmax(score(hidden), dim=0) * hidden).sum(0)
    return nn.functional.cross_entropy(out(pooled), labels)
