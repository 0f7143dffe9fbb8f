# expected: summed_derivatives
# thread: prateekbhustali/Physics-Informed-Neural-Networks#4
# Both components of the gradient are differentiated at once: what is called u_xx holds u_xy as well.
import torch
from torch import nn

wrt = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))


def second_derivatives(u, xy):
    (slope,) = torch.autograd.grad(u.sum(), xy, create_graph=True)
    (bend,) = torch.autograd.grad(slope, xy, torch.ones_like(slope), create_graph=True)  # <- summed_derivatives
    return bend[:, 0:1], bend[:, 1:2]


def loss():
    xy = torch.rand(32, 2, requires_grad=True)
    u = wrt(xy)
    u_xx, u_yy = second_derivatives(u, xy)
    return (u_xx + u_yy + u).square().mean()
