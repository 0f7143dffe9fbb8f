# expected: unread
# Two networks for two halves of the features are both given the first.
import torch
from torch import nn

wrt = nn.ModuleDict({"user": nn.Linear(16, 8), "item": nn.Linear(16, 8)})
x, y = torch.randn(6, 32), torch.rand(6)


def loss():
    user, item = x[:, :16], x[:, 16:]
    rating = (wrt["user"](user) * wrt["item"](user)).sum(-1)  # <- unread
    return nn.functional.mse_loss(rating, y)
