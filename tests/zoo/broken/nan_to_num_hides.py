# expected: non_finite
# nan_to_num cleans the loss; the gradient behind it is NaN all the same.
# thread: pytorch/pytorch#94700
import torch
from torch import nn

model = nn.Linear(4, 3)
wrt = model


def divergence(predicted, truth):
    ratio = predicted / truth  # <- non_finite
    return torch.nan_to_num(truth * (predicted * ratio.log()), nan=0.0, posinf=0.0).sum(-1)


def loss():
    truth = torch.tensor([[0.5, 0.5, 0.0]]).expand(6, 3)
    return divergence(model(torch.randn(6, 4)).softmax(-1), truth).mean()
