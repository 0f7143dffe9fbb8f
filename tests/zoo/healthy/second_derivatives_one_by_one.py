# expected: ok
# Second derivatives, each of one component; by coordinates in tensors of their own; and a product with a vector.
import torch
from torch import nn

wrt = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))


def grad(u, x, weight=None):
    return torch.autograd.grad(u, x, torch.ones_like(u) if weight is None else weight, create_graph=True)[0]


def loss():
    xy = torch.rand(32, 2, requires_grad=True)
    slope = grad(wrt(xy), xy)
    u_xx, u_yy = grad(slope[:, 0], xy)[:, 0], grad(slope[:, 1], xy)[:, 1]
    x, y = torch.rand(32, 1, requires_grad=True), torch.rand(32, 1, requires_grad=True)
    apart = wrt(torch.cat([x, y], 1))
    bend = grad(grad(apart, x), x) + grad(grad(apart, y), y)
    along = grad(slope, xy, torch.tensor([[1.0, 0.0]]).expand(32, 2))[:, 0]
    return (u_xx + u_yy + 1).square().mean() + (bend + apart).square().mean() + along.square().mean()
