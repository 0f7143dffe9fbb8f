import torch
import torch.nn as nn
import torch.nn.functional as F


class Quantize(nn.Module):
    def __init__(self, n=24, dim=6, beta=0.25):
        super().__init__()
        self.codes = nn.Embedding(n, dim)
        self.codes.weight.data.uniform_(-0.5, 0.5)
        self.beta = beta

    def forward(self, z):
        with torch.no_grad():
            idx = torch.cdist(z, self.codes.weight).argmin(1)
        q = self.codes(idx)
        codebook = F.mse_loss(q, z.detach())
        commit = F.mse_loss(z, q.detach())
        q = z + (q - z).detach()
        return q, codebook + self.beta * commit, idx.unique().numel()


class VQVAE(nn.Module):
    def __init__(self, dim=18):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(dim, 48), nn.SiLU(), nn.Linear(48, 6))
        self.quantize = Quantize()
        self.decoder = nn.Sequential(nn.Linear(6, 48), nn.SiLU(), nn.Linear(48, dim))

    def forward(self, x):
        q, vq_loss, used = self.quantize(self.encoder(x))
        return self.decoder(q), vq_loss, used


def main(steps=6):
    torch.manual_seed(0)
    model = VQVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    x = torch.randn(200, 4) @ torch.randn(4, 18)
    for step in range(steps):
        recon, vq_loss, used = model(x)
        rec_loss = F.mse_loss(recon, x)
        optimizer.zero_grad(set_to_none=True)
        (rec_loss + vq_loss).backward()
        optimizer.step()
        print(f"{step} rec {rec_loss.item():.4f} vq {vq_loss.item():.4f} codes used {used}")


main()
