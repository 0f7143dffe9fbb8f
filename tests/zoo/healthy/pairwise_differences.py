# expected: ok
# All pairs on purpose: distances, a ranking loss, thresholds, a soft histogram, a kernel.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
thresholds = nn.Parameter(torch.linspace(-1, 1, 6))
wrt = {"model": model, "thresholds": thresholds}


def loss():
    column = model(torch.randn(6, 4))
    scores, targets = column.squeeze(-1), torch.randn(6)
    ranking = (scores[:, None] - scores).square().mean()
    opened = scores.unsqueeze(1)
    against_all = (opened - targets).abs().mean()
    ordinal = (column - thresholds).square().mean()
    bins = (scores.view(-1, 1) - torch.linspace(-1, 1, 6)).square().mean()
    features = torch.randn(6, 4) * scores.sum()
    norms = features.square().sum(1, keepdim=True)
    kernel = (norms - features.square().sum(1)).abs().mean()
    attention = torch.softmax(column - targets, dim=-1).square().mean()
    meant = nn.functional.poisson_nll_loss(scores.unsqueeze(1), targets.square())
    return ranking + against_all + ordinal + bins + kernel + attention + meant
