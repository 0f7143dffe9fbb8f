# expected: non_finite
# One sentence of the batch is empty: all of its keys are masked, and its softmax is NaN.
import torch
from torch import nn

query, key, value, head = (nn.Linear(6, 6) for _ in range(4))
wrt = nn.ModuleList([query, key, value, head])
lengths = torch.tensor([4, 0, 2])


def loss():
    words = torch.randn(3, 4, 6)
    padding = torch.arange(4) >= lengths[:, None]
    scores = query(words) @ key(words).mT / 6**0.5
    weights = scores.masked_fill(padding[:, None], float("-inf")).softmax(-1)  # <- non_finite
    return head(weights @ value(words)).square().mean()
