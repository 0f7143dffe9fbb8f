# expected: unread
# Scores are taken away up to each length, where it was meant behind it.
import torch
from torch import nn

wrt = nn.ModuleDict({"score": nn.Linear(8, 1), "out": nn.Linear(8, 2)})
frames, lengths, labels = torch.randn(3, 5, 8), torch.tensor([3, 4, 2]), torch.tensor([0, 1, 1])


def loss():
    mask = torch.arange(5)[None, :] < lengths[:, None]
    scores = wrt["score"](frames).squeeze(-1)
    weights = scores.masked_fill(mask, float("-inf")).softmax(1)  # <- unread
    return nn.functional.cross_entropy(wrt["out"]((weights[..., None] * frames).sum(1)), labels)
