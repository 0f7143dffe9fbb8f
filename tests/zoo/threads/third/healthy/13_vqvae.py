"""VQ-VAE with straight-through codes and codebook/commitment losses."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(12)


class VectorQuantizer(nn.Module):
    def __init__(self, n_e=8, e_dim=6, beta=0.25):
        super().__init__()
        self.beta = beta
        self.embedding = nn.Embedding(n_e, e_dim)
        self.embedding.weight.data.uniform_(-1.0 / n_e, 1.0 / n_e)

    def forward(self, z):
        flat = z.permute(0, 2, 3, 1).reshape(-1, z.size(1))
        d = torch.cdist(flat, self.embedding.weight)
        idx = torch.argmin(d, dim=1)
        z_q = self.embedding(idx).view(z.size(0), z.size(2), z.size(3), -1).permute(0, 3, 1, 2)
        loss = ((z_q.detach() - z) ** 2).mean() * self.beta + ((z_q - z.detach()) ** 2).mean()
        z_q = z + (z_q - z).detach()
        return z_q, loss, idx


class VQVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, 12, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(12, 6, 1))
        self.vq = VectorQuantizer()
        self.dec = nn.Sequential(nn.Conv2d(6, 12, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(12, 1, 2, stride=2))

    def forward(self, x):
        z, vq_loss, idx = self.vq(self.enc(x))
        return self.dec(z), vq_loss, idx


def toy(b=16):
    x = torch.zeros(b, 1, 8, 8)
    k = torch.randint(0, 4, (b,))
    for i in range(b):
        x[i, 0, :, 2 * k[i]: 2 * k[i] + 2] = 1.0
    return x + 0.05 * torch.randn_like(x)


model = VQVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, amsgrad=True)
for i in range(50):
    x = toy()
    rec, vq_loss, idx = model(x)
    recon = F.mse_loss(rec, x)
    optimizer.zero_grad()
    (recon + vq_loss).backward()
    optimizer.step()
    if i % 10 == 0:
        print(f"{i} recon {recon.item():.4f} vq {vq_loss.item():.4f} codes used {idx.unique().numel()}")
