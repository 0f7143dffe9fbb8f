import torch
import torch.nn as nn
import torch.nn.functional as F


class EMAQuantizer(nn.Module):
    def __init__(self, n_codes=16, dim=4, decay=0.95, eps=1e-5):
        super().__init__()
        self.decay, self.eps, self.n_codes = decay, eps, n_codes
        self.register_buffer("codebook", torch.randn(n_codes, dim))
        self.register_buffer("count", torch.ones(n_codes))
        self.register_buffer("total", self.codebook.clone())

    @torch.no_grad()
    def update(self, z, onehot):
        self.count.mul_(self.decay).add_(onehot.sum(0), alpha=1 - self.decay)
        self.total.mul_(self.decay).add_(onehot.t() @ z, alpha=1 - self.decay)
        n = self.count.sum()
        size = (self.count + self.eps) / (n + self.n_codes * self.eps) * n
        self.codebook.copy_(self.total / size.unsqueeze(1))

    def forward(self, z):
        idx = torch.cdist(z.detach(), self.codebook).argmin(1)
        onehot = F.one_hot(idx, self.n_codes).float()
        q = self.codebook[idx]
        if self.training:
            self.update(z.detach(), onehot)
        commit = F.mse_loss(z, q.detach())
        return z + (q - z).detach(), commit, onehot.mean(0)


class VQVAE(nn.Module):
    def __init__(self, d=12, z=4):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(d, 48), nn.ReLU(), nn.Linear(48, z))
        self.dec = nn.Sequential(nn.Linear(z, 48), nn.ReLU(), nn.Linear(48, d))
        self.vq = EMAQuantizer(dim=z)

    def forward(self, x):
        q, commit, usage = self.vq(self.enc(x))
        return self.dec(q), commit, usage


def main():
    torch.manual_seed(0)
    centers = torch.randn(8, 12) * 2
    model = VQVAE()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(250):
        x = centers[torch.randint(0, 8, (64,))] + 0.2 * torch.randn(64, 12)
        recon, commit, usage = model(x)
        loss = F.mse_loss(recon, x) + 0.25 * commit
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 50 == 0:
            print(f"step {step:3d} loss {loss.item():.4f} commit {commit.item():.4f} codes in use {(usage > 0).sum().item()}")


if __name__ == "__main__":
    main()
