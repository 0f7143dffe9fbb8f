import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class BayesArgs:
    rho: float = -2.0
    sig1: float = 1.0
    sig2: float = 0.05
    pi: float = 0.5
    samples: int = 4
    lr: float = 1e-2
    epochs: int = 25


class VariationalPosterior:
    def __init__(self, mu, rho):
        self.mu = mu
        self.rho = rho
        self.normal = torch.distributions.Normal(0, 1)
        self.sigma = torch.log1p(torch.exp(torch.as_tensor(rho.data)))

    def sample(self):
        return self.mu + self.sigma * self.normal.sample(self.mu.shape)

    def log_prob(self, w):
        return (-math.log(math.sqrt(2 * math.pi)) - torch.log(self.sigma)
                - (w - self.mu) ** 2 / (2 * self.sigma ** 2)).sum()


class ScaleMixturePrior:
    def __init__(self, args):
        self.pi, self.g1, self.g2 = args.pi, torch.distributions.Normal(0, args.sig1), torch.distributions.Normal(0, args.sig2)

    def log_prob(self, w):
        a = self.g1.log_prob(w) + math.log(self.pi)
        b = self.g2.log_prob(w) + math.log(1 - self.pi)
        return torch.logaddexp(a, b).sum()


class BayesianLinear(nn.Module):
    def __init__(self, d_in, d_out, args):
        super().__init__()
        self.weight_mu = nn.Parameter(torch.empty(d_out, d_in).normal_(0, 0.1))
        self.weight_rho = nn.Parameter(args.rho + torch.empty(d_out, d_in).normal_(0, 0.1))
        self.bias_mu = nn.Parameter(torch.zeros(d_out))
        self.bias_rho = nn.Parameter(torch.full((d_out,), args.rho))
        self.weight = VariationalPosterior(self.weight_mu, self.weight_rho)
        self.bias = VariationalPosterior(self.bias_mu, self.bias_rho)
        self.prior = ScaleMixturePrior(args)
        self.log_prior = self.log_q = 0

    def forward(self, x, sample=True):
        if not sample:
            return F.linear(x, self.weight.mu, self.bias.mu)
        w, b = self.weight.sample(), self.bias.sample()
        self.log_prior = self.prior.log_prob(w) + self.prior.log_prob(b)
        self.log_q = self.weight.log_prob(w) + self.bias.log_prob(b)
        return F.linear(x, w, b)


class BayesianMLP(nn.Module):
    def __init__(self, args, hidden=24):
        super().__init__()
        self.l1, self.l2 = BayesianLinear(1, hidden, args), BayesianLinear(hidden, 1, args)

    def forward(self, x, sample=True):
        return self.l2(F.relu(self.l1(x, sample)), sample)

    def kl(self):
        return sum(l.log_q - l.log_prior for l in (self.l1, self.l2))


def elbo_loss(model, x, y, n_batches, samples, noise=0.1):
    nll = kl = 0.0
    for _ in range(samples):
        pred = model(x)
        nll = nll + F.mse_loss(pred, y, reduction="sum") / (2 * noise ** 2) / samples
        kl = kl + model.kl() / samples
    return nll + kl / n_batches, nll


def main():
    torch.manual_seed(0)
    args = BayesArgs()
    x = torch.cat([torch.rand(128, 1) - 1.2, torch.rand(128, 1) + 0.2])
    y = torch.sin(3 * x) + 0.1 * torch.randn_like(x)
    model = BayesianMLP(args)
    opt = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        for idx in torch.randperm(256).split(64):
            loss, nll = elbo_loss(model, x[idx], y[idx], 4, args.samples)
            opt.zero_grad()
            loss.backward()
            opt.step()
        if epoch % 8 == 0 or epoch == args.epochs - 1:
            sig = model.l1.weight.sigma
            print(f"epoch {epoch:2d} loss {loss.item():.2f} nll {nll.item():.2f} sigma mean {sig.mean().item():.4f} std {sig.std().item():.4f}")


if __name__ == "__main__":
    main()
