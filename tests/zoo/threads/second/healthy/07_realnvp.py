import torch
import torch.nn as nn

torch.manual_seed(6)


class Coupling(nn.Module):
    def __init__(self, dim, hidden, mask):
        super().__init__()
        self.register_buffer("mask", mask)
        self.s = nn.Sequential(nn.Linear(dim, hidden), nn.LeakyReLU(), nn.Linear(hidden, dim), nn.Tanh())
        self.t = nn.Sequential(nn.Linear(dim, hidden), nn.LeakyReLU(), nn.Linear(hidden, dim))

    def forward(self, x):
        xm = x * self.mask
        s = self.s(xm) * (1 - self.mask)
        t = self.t(xm) * (1 - self.mask)
        z = xm + (1 - self.mask) * (x - t) * torch.exp(-s)
        return z, -s.sum(dim=1)

    def inverse(self, z):
        zm = z * self.mask
        s = self.s(zm) * (1 - self.mask)
        t = self.t(zm) * (1 - self.mask)
        return zm + (1 - self.mask) * (z * torch.exp(s) + t)


class RealNVP(nn.Module):
    def __init__(self, n_layers=4):
        super().__init__()
        masks = [torch.tensor([float(i % 2), float((i + 1) % 2)]) for i in range(n_layers)]
        self.layers = nn.ModuleList([Coupling(2, 32, m) for m in masks])
        self.prior = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))

    def log_prob(self, x):
        log_det = torch.zeros(x.shape[0])
        for layer in self.layers:
            x, ld = layer(x)
            log_det = log_det + ld
        return self.prior.log_prob(x) + log_det

    @torch.no_grad()
    def sample(self, n):
        z = self.prior.sample((n,))
        for layer in reversed(self.layers):
            z = layer.inverse(z)
        return z


def moons(n):
    th = torch.rand(n) * 3.1416
    side = torch.randint(0, 2, (n,)).float()
    x = torch.stack([th.cos() * (1 - 2 * side) + side, th.sin() * (1 - 2 * side) + 0.5 * side], dim=1)
    return x + 0.05 * torch.randn(n, 2)


flow = RealNVP()
optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
for it in range(6):
    loss = -flow.log_prob(moons(128)).mean()
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
    print(f"iter {it} nll {loss.item():.4f} sample mean {flow.sample(64).mean().item():.3f}")
