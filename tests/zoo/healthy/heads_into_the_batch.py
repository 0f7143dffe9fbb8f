# expected: ok
# Views that regroup axes beside each other: heads, windows, channels in groups.
import torch
from torch import nn

project, convolution, head = nn.Linear(8, 24), nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 8)
wrt = nn.ModuleList([project, convolution, head])
x, maps, labels = torch.randn(8, 4, 8), torch.randn(4, 8, 6, 6), torch.randint(8, (32,))


def loss():
    batch, time, width = x.shape
    query, key, value = project(x).view(batch, time, 3, 2, 4).permute(2, 0, 3, 1, 4)
    mixed = (query @ key.transpose(-2, -1)).softmax(-1) @ value
    logits = head(mixed.transpose(1, 2).reshape(batch * time, width))
    grouped = convolution(maps).view(4, 2, 4, 6, 6).transpose(1, 2).reshape(4, 8, 6, 6)
    return nn.functional.cross_entropy(logits, labels) + grouped.square().mean()
