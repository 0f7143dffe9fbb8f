# expected: grad_disabled
# A frozen judge is called under no_grad: its weights rest, and so does the gradient to its input.
import torch
from torch import nn

generator = nn.Linear(3, 4)
judge = nn.Linear(4, 1)
wrt = generator


def loss():
    sample = generator(torch.randn(5, 3))
    with torch.no_grad():
        verdict = judge(sample)  # <- grad_disabled
    return -verdict.mean()
