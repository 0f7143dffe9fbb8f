# expected: ok
# One sentence of the batch is empty, and the fill is finite: its softmax is even, and the pooling leaves it out.
import torch
from torch import nn

query, key, value, head = (nn.Linear(6, 6) for _ in range(4))
wrt = nn.ModuleList([query, key, value, head])
lengths = torch.tensor([4, 0, 2])


def loss():
    words = torch.randn(3, 4, 6)
    padding = torch.arange(4) >= lengths[:, None]
    scores = query(words) @ key(words).mT / 6**0.5
    weights = scores.masked_fill(padding[:, None], torch.finfo(scores.dtype).min).softmax(-1)
    return (head(weights @ value(words)) * (~padding)[..., None]).square().sum() / (~padding).sum()
