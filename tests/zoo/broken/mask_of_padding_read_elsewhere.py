# expected: unread
# The mask makes the inputs, and goes to the attention as well, which does not look at it: padding takes its share.
import torch
from torch import nn


class Pooling(nn.Module):
    def __init__(self):
        super().__init__()
        self.key = nn.Linear(6, 6)

    def forward(self, query, inputs, padding_mask=None):
        scores = (self.key(inputs) @ query.unsqueeze(2)).squeeze(2)
        weights = scores.softmax(dim=1)  # <- unread
        return (weights.unsqueeze(1) @ inputs).squeeze(1)


pooling, head = Pooling(), nn.Linear(6, 2)
wrt = {"pooling": pooling, "head": head}


def loss():
    mask = torch.arange(5) < torch.tensor([[3], [5], [2]])
    inputs = torch.randn(3, 5, 6) * mask.unsqueeze(2)
    pooled = pooling(torch.randn(3, 6), inputs, mask)
    return nn.functional.cross_entropy(head(pooled), torch.tensor([0, 1, 1]))
