# expected: non_finite
# The prompt fills the whole window: every label is the ignored one, and the mean over none of them is NaN.
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 10))
wrt = model


def loss():
    ids = torch.randint(0, 10, (2, 6))
    labels = ids.masked_fill(torch.arange(6) < 8, -100)
    nll = F.cross_entropy(model(ids).flatten(0, 1), labels.flatten())  # <- non_finite
    return nll + 0.1 * model(ids).square().mean()
