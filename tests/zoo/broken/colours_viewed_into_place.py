# expected: axes_renamed
# Images come with their colours behind, and a view is to bring them to the front.
import torch
from torch import nn

wrt = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
images, labels = torch.rand(5, 8, 6, 3), torch.tensor([0, 1, 1, 0, 1])


def loss():
    x = images.view(-1, 3, 8, 6)  # <- axes_renamed
    return nn.functional.cross_entropy(wrt(x), labels)
