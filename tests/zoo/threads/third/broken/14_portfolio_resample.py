# deep portfolio: network -> (mu, cov) -> resampled efficient weights, trained on negative sharpe
import torch
import torch.nn as nn
from torch.distributions import MultivariateNormal

torch.manual_seed(17)
N_ASSETS, LOOKBACK, HORIZON = 5, 12, 6


class Resample(nn.Module):
    """Michaud style: draw many plausible expected returns, allocate for each, average."""

    def __init__(self, n_draws=20):
        super().__init__()
        self.n_draws = n_draws
        self.gamma = nn.Parameter(torch.tensor(1.0))

    def forward(self, mu, scale_tril):
        dist = MultivariateNormal(loc=mu, scale_tril=scale_tril)
        draws = dist.sample((self.n_draws,))
        weights = torch.softmax(self.gamma * draws, dim=-1)
        return weights.mean(0)


class AllocNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.InstanceNorm1d(N_ASSETS)
        self.lstm = nn.LSTM(N_ASSETS, 16, batch_first=True)
        self.mu = nn.Linear(16, N_ASSETS)
        self.diag = nn.Linear(16, N_ASSETS)
        self.alloc = Resample()

    def forward(self, x):
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        h = self.lstm(x)[0][:, -1]
        tril = torch.diag_embed(nn.functional.softplus(self.diag(h)) + 1e-2)
        return self.alloc(self.mu(h), tril)


def market(b=32):
    drift = torch.linspace(-0.02, 0.03, N_ASSETS)
    r = drift + 0.05 * torch.randn(b, LOOKBACK + HORIZON, N_ASSETS)
    return r[:, :LOOKBACK], r[:, LOOKBACK:]


def neg_sharpe(weights, y):
    port = (weights.unsqueeze(1) * y).sum(-1)
    return -(port.mean(1) / (port.std(1) + 1e-4)).mean()


class Run:
    def __init__(self, network, loss, optimizer):
        self.network, self.loss, self.optimizer = network, loss, optimizer
        self.history = []

    def launch(self, n_epochs, batches=5):
        for e in range(n_epochs):
            for _ in range(batches):
                X, y = market()
                w = self.network(X)
                l = self.loss(w, y)
                self.optimizer.zero_grad()
                l.backward()
                self.optimizer.step()
                self.history.append(l.item())
            print(f"epoch {e} loss {sum(self.history[-batches:]) / batches:.4f} gamma {self.network.alloc.gamma.item():.3f}")


net = AllocNet()
Run(net, neg_sharpe, torch.optim.Adam(net.parameters(), lr=1e-2)).launch(4)
with torch.no_grad():
    print("weights", net(market()[0]).mean(0).numpy().round(3))
