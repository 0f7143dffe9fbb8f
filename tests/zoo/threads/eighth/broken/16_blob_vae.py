import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
SIZE, Z_DIM = 16, 8
axis = torch.linspace(-1, 1, SIZE)


def frames(n):
    cx, cy = torch.rand(2, n, 1, 1) * 1.2 - 0.6
    d = torch.maximum((axis.view(1, 1, -1) - cx).abs(), (axis.view(1, -1, 1) - cy).abs())
    return (d < 0.42).float().unsqueeze(1)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(),
        )
        self.mu = nn.Linear(64, Z_DIM)
        self.log_var = nn.Linear(64, Z_DIM)
        self.decoder = nn.Sequential(
            nn.Linear(Z_DIM, 64), nn.ReLU(), nn.Linear(64, 32 * 16), nn.ReLU(), nn.Unflatten(1, (32, 4, 4)),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1), nn.Sigmoid(),
        )

    def forward(self, x):
        h = self.encoder(x)
        mu, log_var = self.mu(h), self.log_var(h)
        z = mu + torch.randn_like(mu) * (0.5 * log_var).exp()
        return self.decoder(z), mu, log_var


def vae_r_loss(x, recon):
    return (x - recon).pow(2).mean(dim=(1, 2, 3)).mean()


def vae_kl_loss(mu, log_var):
    return (-0.5 * (1 + log_var - mu.pow(2) - log_var.exp()).sum(dim=1)).mean()


vae = VAE()
optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)

for step in range(600):
    x = frames(48)
    recon, mu, log_var = vae(x)
    r_loss = vae_r_loss(x, recon)
    kl_loss = vae_kl_loss(mu, log_var)
    loss = r_loss + kl_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(f"step {step + 1} r_loss {r_loss.item():.5f} kl_loss {kl_loss.item():.5f}")

with torch.no_grad():
    x = frames(256)
    recon = vae(x)[0]
    print(f"pixel variance over images: data {x.var(0).mean().item():.4f}, reconstructions {recon.var(0).mean().item():.6f}")
