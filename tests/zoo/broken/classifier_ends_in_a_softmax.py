# expected: suspicious_shape
# A classifier's forward ends in torch.softmax, and cross_entropy, which applies one itself, stands far from it.
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(5, 8), nn.Linear(8, 4)

    def forward(self, x):
        return torch.softmax(self.head(self.body(x).relu()), 1)  # <- suspicious_shape


wrt = Classifier()
x, labels = torch.randn(6, 5), torch.randint(4, (6,))


def loss():
    return nn.functional.cross_entropy(
        wrt(x),
        labels,
    )
