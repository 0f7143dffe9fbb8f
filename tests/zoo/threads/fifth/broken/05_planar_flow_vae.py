import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class PlanarFlow(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.u = nn.Parameter(torch.randn(1, dim) * 0.1)
        self.w = nn.Parameter(torch.randn(1, dim) * 0.1)
        self.b = nn.Parameter(torch.zeros(1))

    def forward(self, z):
        uw = (self.u * self.w).sum()
        u = self.u + (F.softplus(uw) - 1 - uw) * self.w / (self.w.norm() ** 2 + 1e-8)
        a = torch.tanh(F.linear(z, self.w, self.b))
        psi = (1 - a ** 2) * self.w
        return z + u * a, torch.log((1 + psi @ u.t()).abs() + 1e-7).squeeze(-1)


class NormalizingFlows(nn.Module):
    def __init__(self, dim, n_flows):
        super().__init__()
        self.flows = nn.ModuleList([PlanarFlow(dim) for _ in range(n_flows)])

    def forward(self, z):
        log_det = []
        for flow in self.flows:
            z, ld = flow(z)
            log_det.append(ld)
        return z, sum(log_det)


def log_gaussian(x, mu, log_var):
    return (-0.5 * math.log(2 * math.pi) - log_var / 2 - (x - mu) ** 2 / (2 * log_var.exp())).sum(-1)


def log_standard_gaussian(x):
    return (-0.5 * math.log(2 * math.pi) - x ** 2 / 2).sum(-1)


class VAE(nn.Module):
    def __init__(self, x_dim=20, h_dim=64, z_dim=4, n_flows=6):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(x_dim, h_dim), nn.ReLU())
        self.mu, self.log_var = nn.Linear(h_dim, z_dim), nn.Linear(h_dim, z_dim)
        self.dec = nn.Sequential(nn.Linear(z_dim, h_dim), nn.ReLU(), nn.Linear(h_dim, x_dim))
        self.flow = NormalizingFlows(z_dim, n_flows)
        self.kl = 0

    def _kld(self, z, mu, log_var):
        f_z, log_det_z = self.flow(z)
        qz = log_gaussian(z, mu, log_var) - sum(log_det_z)
        pz = log_standard_gaussian(f_z)
        return f_z, qz - pz

    def forward(self, x):
        h = self.enc(x)
        mu, log_var = self.mu(h), self.log_var(h)
        z = mu + torch.randn_like(mu) * (0.5 * log_var).exp()
        z, self.kl = self._kld(z, mu, log_var)
        return self.dec(z)


def make_data(n, x_dim=20):
    g = torch.Generator().manual_seed(3)
    basis = torch.randn(2, x_dim, generator=g)
    t = torch.rand(n, generator=g) * 2 * math.pi
    lat = torch.stack([t.cos(), t.sin()], -1)
    return lat @ basis + 0.1 * torch.randn(n, x_dim, generator=g)


def main():
    torch.manual_seed(0)
    data = make_data(1024)
    model = VAE()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(20):
        rec_sum = kl_sum = 0.0
        for idx in torch.randperm(len(data)).split(64):
            x = data[idx]
            recon = model(x)
            rec = F.mse_loss(recon, x, reduction="none").sum(-1) / (2 * 0.1)
            loss = (rec + model.kl).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            rec_sum += rec.mean().item()
            kl_sum += model.kl.mean().item()
        if epoch % 4 == 0:
            print(f"epoch {epoch:2d} recon {rec_sum / 16:.3f} kl {kl_sum / 16:.3f}")


if __name__ == "__main__":
    main()
