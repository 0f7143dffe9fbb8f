# expected: discrete_op
# The story in one line: a dead addend in a healthy sum, with no names.
import torch
import torch.nn.functional as F

model = torch.nn.Linear(6, 4)
costs = torch.randn(4)
wrt = model


def loss():
    logits = model(torch.randn(8, 6))
    fit = F.cross_entropy(logits, torch.randint(0, 4, (8,)))
    cost = costs[logits.argmax(-1)].mean()  # <- discrete_op
    return fit + 0.1 * cost
