# expected: summed_derivatives
# A helper that is right for one function is used on a gradient: its columns, added up, hold the mixed derivatives too.
import torch
from torch import nn

wrt = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def slope(values, points):
    return torch.autograd.grad(values.sum(), points, create_graph=True)[0]


def loss():
    points = torch.rand(32, 3, requires_grad=True)
    u = wrt(points)
    laplacian = slope(slope(u, points), points).sum(1, keepdim=True)  # <- summed_derivatives
    return (laplacian + u).square().mean()
