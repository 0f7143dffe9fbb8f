# expected: ok
# A soft threshold with a hard count beside it for the log, and a scheduler fed by numbers.
import torch
from torch import nn

model, threshold = nn.Linear(4, 1), nn.Parameter(torch.zeros(()))
wrt = {"model": model, "threshold": threshold}
history = []


def loss():
    scores = model(torch.randn(16, 4)).squeeze(-1)
    history.append({"selected": int((scores > threshold).sum()), "threshold": round(threshold.item(), 3)})
    gate = torch.sigmoid((scores - threshold) * 10)
    return (gate * torch.randn(16)).mean() + 0.1 * (gate.mean() - 0.3).square()
