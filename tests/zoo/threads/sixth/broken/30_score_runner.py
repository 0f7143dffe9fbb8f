"""Denoising score matching over several noise levels on a small tabular data set."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14)
DIM, LEVELS = 8, 6


class ScoreNet(nn.Module):
    def __init__(self, hidden=128, p=0.2):
        super().__init__()
        self.level = nn.Embedding(LEVELS, 16)
        self.net = nn.Sequential(
            nn.Linear(DIM + 16, hidden), nn.BatchNorm1d(hidden), nn.SiLU(), nn.Dropout(p),
            nn.Linear(hidden, hidden), nn.BatchNorm1d(hidden), nn.SiLU(), nn.Dropout(p),
            nn.Linear(hidden, DIM),
        )

    def forward(self, x, level):
        return self.net(torch.cat([x, self.level(level)], dim=-1))


def anneal_dsm_loss(net, samples, sigmas):
    level = torch.randint(0, LEVELS, (samples.size(0),))
    sigma = sigmas[level].unsqueeze(-1)
    noise = torch.randn_like(samples)
    score = net(samples + sigma * noise, level) / sigma
    target = -noise / sigma
    return 0.5 * (((score - target) ** 2).sum(-1) * sigma.squeeze(-1) ** 2).mean()


def mixture(n):
    centers = 3 * torch.randn(5, DIM)
    which = torch.randint(0, 5, (n,))
    return centers[which] + 0.3 * torch.randn(n, DIM)


class AnnealRunner:
    def __init__(self, epochs=25, log_every=20):
        self.epochs, self.log_every = epochs, log_every
        data = mixture(1280)
        self.train_loader = DataLoader(TensorDataset(data[:1024]), batch_size=64, shuffle=True)
        self.val = data[1024:]
        self.sigmas = torch.logspace(0.3, -1.0, LEVELS)

    def validation_loss(self, net):
        net.eval()
        with torch.no_grad():
            return anneal_dsm_loss(net, self.val, self.sigmas).item()

    def train(self):
        net = ScoreNet()
        optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
        step = 0
        net.train()
        for epoch in range(self.epochs):
            for (x,) in self.train_loader:
                step += 1
                loss = anneal_dsm_loss(net, x, self.sigmas)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if step % self.log_every == 0:
                    val = self.validation_loss(net)
                    if step % (4 * self.log_every) == 0:
                        print(f"step {step:4d} train {loss.item():.4f} val {val:.4f}")
        return net


AnnealRunner().train()
