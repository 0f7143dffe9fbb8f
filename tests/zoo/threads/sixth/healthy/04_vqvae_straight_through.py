"""VQ-VAE on short waveforms: straight-through codes, commitment term, gradient-free EMA codebook."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(3)
T, DIM, CODES = 64, 8, 32


class Quantizer(nn.Module):
    def __init__(self, decay=0.95):
        super().__init__()
        self.decay = decay
        self.register_buffer("codebook", torch.randn(CODES, DIM))
        self.register_buffer("count", torch.ones(CODES))
        self.register_buffer("total", self.codebook.clone())

    def forward(self, z):
        flat = z.transpose(1, 2).reshape(-1, DIM)
        idx = torch.cdist(flat.detach(), self.codebook).argmin(1)
        if self.training:
            self.refresh(flat.detach(), idx)
        q = self.codebook[idx].view(z.shape[0], -1, DIM).transpose(1, 2)
        commit = F.mse_loss(z, q)
        return z + (q - z).detach(), commit, idx

    @torch.no_grad()
    def refresh(self, flat, idx):
        hot = F.one_hot(idx, CODES).float()
        self.count.mul_(self.decay).add_(hot.sum(0), alpha=1 - self.decay)
        self.total.mul_(self.decay).add_(hot.t() @ flat, alpha=1 - self.decay)
        self.codebook.copy_(self.total / self.count.clamp(min=1e-2).unsqueeze(1))
        dead = self.count < 0.2
        if dead.any():
            pick = flat[torch.randint(0, len(flat), (int(dead.sum()),))]
            self.codebook[dead], self.total[dead], self.count[dead] = pick, pick, 1.0


class VQVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv1d(32, 32, 4, 2, 1), nn.ReLU(),
                                     nn.Conv1d(32, DIM, 1))
        self.quantizer = Quantizer()
        self.decoder = nn.Sequential(nn.Conv1d(DIM, 32, 3, padding=1), nn.ReLU(),
                                     nn.ConvTranspose1d(32, 32, 4, 2, 1), nn.ReLU(),
                                     nn.ConvTranspose1d(32, 1, 4, 2, 1))

    def forward(self, x):
        q, commit, idx = self.quantizer(self.encoder(x))
        return self.decoder(q), commit, idx


def waves(n):
    t = torch.arange(T).float()
    f = 0.05 + 0.1 * torch.rand(n, 1)
    return (torch.sin(2 * math.pi * (f * t + torch.rand(n, 1))) * (0.5 + torch.rand(n, 1))).unsqueeze(1)


def main():
    model = VQVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(241):
        x = waves(64)
        recon, commit, idx = model(x)
        loss = F.mse_loss(recon, x) + 0.25 * commit
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 80 == 0:
            used = idx.unique().numel()
            print(f"step {step:3d} loss {loss.item():.4f} commit {commit.item():.4f} codes used {used}/{CODES}")


if __name__ == "__main__":
    main()
