# expected: detach
# A centre loss as a module: the centres are a buffer, averaged from detached features, and only they are compared.
import torch
from torch import nn


class CentreLoss(nn.Module):
    def __init__(self, classes, width):
        super().__init__()
        self.register_buffer("centre", torch.zeros(classes, width))

    def forward(self, features, labels):
        for label in labels.unique():
            mean = features[labels == label].detach().mean(0)  # <- detach
            self.centre[label] = 0.5 * self.centre[label] + 0.5 * mean
        return -torch.pdist(self.centre).mean()


body, head, push_apart = nn.Linear(6, 4), nn.Linear(4, 3), CentreLoss(3, 4)
wrt = {"body": body, "head": head}


def loss():
    data, labels = torch.randn(12, 6), torch.arange(12) % 3
    features = body(data).tanh()
    return {
        "cross_entropy": nn.functional.cross_entropy(head(features), labels),
        "centre": 0.1 * push_apart(features, labels),
    }
