# expected: ok
# A classifier gives logits for the loss and probabilities beside them, which are only shown, or logged for nll_loss.
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(5, 8), nn.Linear(8, 4)

    def forward(self, x):
        logits = self.head(self.body(x).relu())
        return logits, torch.softmax(logits, 1)


wrt = Classifier()
x, labels = torch.randn(6, 5), torch.randint(4, (6,))


def loss():
    logits, probabilities = wrt(x)
    return nn.functional.cross_entropy(logits, labels) + nn.functional.nll_loss(probabilities.log(), labels)
