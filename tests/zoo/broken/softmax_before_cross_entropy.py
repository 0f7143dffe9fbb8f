# expected: suspicious_shape
# The model ends with a softmax, and cross_entropy takes another.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(dim=-1))
criterion = nn.CrossEntropyLoss()
wrt = model


def loss():
    scores = model(torch.randn(2, 5, 4)).flatten(0, 1)
    return criterion(scores, torch.randint(0, 3, (10,)))  # <- suspicious_shape
