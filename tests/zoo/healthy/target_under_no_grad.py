# expected: ok
# A teacher under no_grad gives targets.
import torch
import torch.nn.functional as F

student = torch.nn.Linear(4, 3)
teacher = torch.nn.Linear(4, 3).requires_grad_(False)
wrt = student


def loss():
    data = torch.randn(6, 4)
    with torch.no_grad():
        target = teacher(data).softmax(-1)
    return F.kl_div(student(data).log_softmax(-1), target, reduction="batchmean")
