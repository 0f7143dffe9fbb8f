# expected: detach left_torch new_leaf
# A heat map is smoothed by SciPy before it is compared.
import torch
from scipy import ndimage
from torch import nn

model = nn.Conv2d(1, 1, 3, padding=1)
wrt = model


def smooth(heat):
    return torch.from_numpy(ndimage.gaussian_filter(heat.detach().numpy(), sigma=1.0))  # <- detach left_torch


def loss():
    heat = model(torch.randn(2, 1, 9, 9)).sigmoid()
    return nn.functional.mse_loss(smooth(heat), torch.zeros(2, 1, 9, 9))  # <- new_leaf
