import math

import torch
import torch.nn as nn

L = 0.5


class FNN(nn.Module):
    def __init__(self, sizes=(1, 24, 24, 1)):
        super().__init__()
        layers = []
        for a, b in zip(sizes[:-1], sizes[1:]):
            layers += [nn.Linear(a, b), nn.Tanh()]
        self.net = nn.Sequential(*layers[:-1])

    def forward(self, x):
        return self.net(x)


def gradient(y, x):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]


class NeumannBC:
    def __init__(self, x0, func):
        self.x0, self.func = x0, func

    def error(self, net):
        x = self.x0.clone().requires_grad_(True)
        return gradient(net(x), x) - self.func(x)


class PointSetBC:
    def __init__(self, points, values):
        self.points, self.values = points, values

    def error(self, net):
        return net(self.points) - self.values


class TimePDE:
    def __init__(self, pde, bcs, num_domain=64):
        self.pde, self.bcs, self.num_domain = pde, bcs, num_domain

    def losses(self, net):
        x = torch.rand(self.num_domain, 1, requires_grad=True)
        out = [self.pde(x, net(x)).pow(2).mean()]
        return out + [bc.error(net).pow(2).mean() for bc in self.bcs]


class Model:
    def __init__(self, data, net):
        self.data, self.net = data, net

    def compile(self, lr, loss_weights, external_trainable_variables=()):
        self.weights = loss_weights
        self.opt = torch.optim.Adam([*self.net.parameters(), *external_trainable_variables], lr=lr)

    def train(self, iterations, callback, period=200):
        for it in range(iterations):
            losses = self.data.losses(self.net)
            total = sum(w * l for w, l in zip(self.weights, losses))
            self.opt.zero_grad()
            total.backward()
            self.opt.step()
            if it % period == 0:
                callback(it, [l.item() for l in losses])


def exact(x, c1, d):
    return -c1 / (2 * d) * L * torch.exp(-x / L)


def build(d_coef=0.2, c_true=0.8):
    c1 = torch.tensor(0.1, requires_grad=True)
    flux = -c1 / (2 * d_coef)
    obs_x = torch.linspace(0.05, 1, 12).view(-1, 1)
    obs_y = exact(obs_x, -c_true, d_coef)

    def pde(x, y):
        y_xx = gradient(gradient(y, x), x)
        return y_xx - y / L ** 2

    bcs = [
        NeumannBC(torch.zeros(1, 1), lambda x: flux),
        PointSetBC(torch.ones(1, 1), exact(torch.ones(1, 1), -c_true, d_coef)),
        PointSetBC(obs_x, obs_y),
    ]
    return TimePDE(pde, bcs), c1


def main():
    torch.manual_seed(0)
    data, c1 = build()
    model = Model(data, FNN())
    model.compile(lr=5e-3, loss_weights=[0.1, 1.0, 1.0, 10.0], external_trainable_variables=[c1])

    def variable_value(it, losses):
        print(f"{it:5d} losses {['%.2e' % l for l in losses]} C1 {c1.item():.4f}")

    model.train(1000, variable_value)


if __name__ == "__main__":
    main()
