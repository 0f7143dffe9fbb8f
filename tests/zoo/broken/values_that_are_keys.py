# expected: unread
# The attention's weights are laid over the keys: a third of the projection's outputs is read by nothing.
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, 1)

    def forward(self, x):
        q, k, v = self.project(x).chunk(3, dim=-1)
        k = k.contiguous()
        v = v.contiguous()
        weights = (q @ k.transpose(1, 2)).softmax(-1)
        return self.out(weights @ k)  # <- unread


wrt = Attention(8)
x, y = torch.randn(4, 5, 8), torch.randn(4, 5, 1)


def loss():
    return nn.functional.mse_loss(wrt(x), y)
