"""Variational autoencoder on synthetic two-stripe images, with reconstruction and sampling."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(10)
SIDE, LATENT = 12, 6


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(SIDE * SIDE, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
        self.mu = nn.Linear(64, LATENT)
        self.logvar = nn.Linear(64, LATENT)

    def forward(self, x):
        h = self.net(x)
        return self.mu(h), self.logvar(h)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(LATENT, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(),
                                 nn.Linear(128, SIDE * SIDE), nn.Sigmoid())

    def forward(self, z):
        return self.net(z)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def forward(self, x):
        mu, logvar = self.encoder(x)
        return self.decoder(self.reparameterize(mu, logvar)), mu, logvar


def kl_divergence(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def loss_function(predicted, target, mu, logvar, kl_weight=1.0):
    recon_loss = F.mse_loss(predicted, target)
    kl_loss = kl_divergence(mu, logvar)
    return recon_loss + kl_weight * kl_loss, recon_loss, kl_loss


def make_images(n):
    img = torch.zeros(n, SIDE, SIDE)
    for b in range(n):
        r, c = torch.randint(0, SIDE - 2, (2,)).tolist()
        level = 0.5 + 0.5 * torch.rand(())
        img[b, r:r + 3, :] = level
        img[b, :, c:c + 3] = 1.0 - 0.5 * level
    return (img + 0.02 * torch.randn_like(img)).clamp(0, 1).flatten(1)


def main():
    images = make_images(1024)
    loader = DataLoader(TensorDataset(images), batch_size=64, shuffle=True)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(25):
        sums = torch.zeros(3)
        for (x,) in loader:
            predicted, mu, logvar = model(x)
            loss, recon, kl = loss_function(predicted, x, mu, logvar)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sums += torch.stack([loss, recon, kl]).detach() / len(loader)
        if epoch % 3 == 0:
            print(f"epoch {epoch:2d} loss {sums[0]:.4f} recon {sums[1]:.5f} kl {sums[2]:.5f}")

    model.eval()
    with torch.no_grad():
        out, mu, _ = model(images)
        samples = model.decoder(torch.randn(256, LATENT))
    print(f"pixel mse {F.mse_loss(out, images):.5f}; pixel variance {images.var(0).mean():.5f}")
    print(f"spread of latent means {mu.std(0).mean():.4f}; spread of samples {samples.std(0).mean():.4f}")


if __name__ == "__main__":
    main()
