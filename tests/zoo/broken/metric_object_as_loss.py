# expected: discrete_op
# A metric object (update, compute) is added to the loss: inside, it thresholds.
# thread: Lightning-AI/torchmetrics#388
import torch
from torch import nn


class F1:
    def __init__(self):
        self.true_positive = self.predicted = self.actual = 0.0

    def update(self, probability, target):
        positive = (probability > 0.5).float()  # <- discrete_op
        self.true_positive = self.true_positive + (positive * target).sum()
        self.predicted = self.predicted + positive.sum()
        self.actual = self.actual + target.sum()

    def compute(self):
        return 2 * self.true_positive / (self.predicted + self.actual + 1e-8)


model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1))
wrt = model


def loss():
    data, target = torch.randn(20, 5), torch.randint(0, 2, (20,)).float()
    logits = model(data).squeeze(-1)
    metric = F1()
    metric.update(logits.sigmoid(), target)
    return {"bce": nn.functional.binary_cross_entropy_with_logits(logits, target), "f1": 1 - metric.compute()}
