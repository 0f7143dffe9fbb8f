# expected: discrete_op
# Which candidates are best, as indices, gathered from another tensor.
import torch

scorer = torch.nn.Linear(4, 1)
wrt = scorer
rewards = torch.randn(10)


def loss():
    best = scorer(torch.randn(10, 4)).squeeze(-1).topk(3).indices  # <- discrete_op
    return -rewards[best].mean()
