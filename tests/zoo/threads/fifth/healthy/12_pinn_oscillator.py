import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self, h=24):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(1, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, 1))

    def forward(self, t):
        return self.f(t)


def d(y, x):
    return torch.autograd.grad(y.sum(), x, create_graph=True)[0]


class Oscillator:
    def __init__(self, omega2=4.0):
        self.omega2 = omega2

    def exact(self, t):
        return torch.cos(self.omega2 ** 0.5 * t)

    def residual(self, net, t, mu):
        t = t.clone().requires_grad_(True)
        u = net(t)
        return d(d(u, t), t) + mu * u


def main():
    torch.manual_seed(0)
    prob, net = Oscillator(), Net()
    mu = nn.Parameter(torch.tensor(2.0))
    opt = torch.optim.Adam([{"params": net.parameters(), "lr": 5e-3}, {"params": [mu], "lr": 2e-2}])
    obs_t = torch.linspace(0, 1.5, 20).view(-1, 1)
    obs_u = prob.exact(obs_t)
    for it in range(500):
        colloc = torch.rand(48, 1) * 1.5
        pde = prob.residual(net, colloc, mu).pow(2).mean()
        data = (net(obs_t) - obs_u).pow(2).mean()
        t0 = torch.zeros(1, 1, requires_grad=True)
        ic = d(net(t0), t0).pow(2).mean()
        loss = 0.05 * pde + 10 * data + 0.1 * ic
        opt.zero_grad()
        loss.backward()
        opt.step()
        if it % 100 == 0 or it == 499:
            print(f"it {it:3d} pde {pde.item():.4f} data {data.item():.5f} mu {mu.item():.3f}")


if __name__ == "__main__":
    main()
