# expected: ok
# Axes that are cut into several, laid together, of size 1, or moved by permute; and a shuffle of channels.
import torch
from torch import nn

wrt = nn.Conv2d(3, 12, 3, padding=1)
images = torch.rand(2, 8, 6, 3)


def loss():
    x = wrt(images.permute(0, 3, 1, 2).contiguous().view(2, 3, 8, 6))
    x = x.view(2, 3, 4, 8, 6).transpose(1, 2).reshape(2, 12, 8, 6)
    pooled = x.mean((2, 3)).view(2, 1, 12).view(2, 12, 1)
    return x.reshape(2, 12, 48).square().mean() + pooled.square().mean()
