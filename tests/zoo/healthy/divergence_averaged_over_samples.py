# expected: ok
# The divergence from the teacher in three forms that are one: batchmean, sum by hand, and for each sample.
import torch
from torch import nn
from torch.nn import functional as F

wrt = nn.Linear(6, 10)
inputs, labels = torch.randn(8, 6), torch.randint(0, 10, (8,))
teacher = torch.randn(8, 10).softmax(1)


def loss():
    logs = wrt(inputs).log_softmax(1)
    softly = nn.KLDivLoss(reduction="batchmean")(logs, teacher) + F.kl_div(logs, teacher, reduction="sum") / 8
    return softly + F.kl_div(logs, teacher, reduction="none").sum(1).mean() + F.nll_loss(logs, labels)
