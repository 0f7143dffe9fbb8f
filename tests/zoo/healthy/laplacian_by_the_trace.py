# expected: ok
# A Laplacian column by column, one by Hutchinson's estimate, and the sum of a gradient's columns, once differentiated.
import torch
from torch import nn

wrt = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def slope(values, points):
    return torch.autograd.grad(values.sum(), points, create_graph=True)[0]


def loss():
    points = torch.rand(32, 3, requires_grad=True)
    u = wrt(points)
    first = slope(u, points)
    laplacian = sum(slope(first[:, k], points)[:, k] for k in range(3))
    signs = torch.randn_like(points).sign()
    estimate = (slope(first * signs, points) * signs).sum(1)
    return (laplacian + u[:, 0]).square().mean() + estimate.square().mean() + first.sum(1).square().mean()
