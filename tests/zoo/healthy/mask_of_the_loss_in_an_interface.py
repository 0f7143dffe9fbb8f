# expected: ok
# All heads are called alike, with the mask: this one has no attention, and its loss is masked by the caller.
import torch
from torch import nn


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 1)

    def forward(self, inputs, mask=None):
        return self.linear(inputs).squeeze(2)


head = Head()
wrt = head


def loss():
    mask = torch.arange(5) < torch.tensor([[3], [5], [2]])
    values = head(torch.randn(3, 5, 6), mask)
    return (values.square() * mask).sum() / mask.sum()
