"""Small DCGAN on synthetic 16x16 blob images, wrapped in a class with a step() method."""
import torch
import torch.nn as nn

torch.manual_seed(3)
LATENT = 16


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(LATENT, 32, 4, 1, 0, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(True),
            nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(True),
            nn.ConvTranspose2d(16, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, 16, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(16, 32, 4, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(32, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.main(x).view(-1)


class GAN:
    def __init__(self, lr=1e-3, betas=(0.5, 0.999)):
        self.generator = Generator()
        self.discriminator = Discriminator()
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), lr=lr, betas=betas)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=lr, betas=betas)
        self.criterion = nn.BCELoss()

    def step(self, real):
        n = real.size(0)
        ones, zeros = torch.ones(n), torch.zeros(n)

        # discriminator
        output = self.discriminator(real)
        err_real = self.criterion(output, ones)
        err_real.backward()
        d_x = output.mean().item()

        fake = self.generator(torch.randn(n, LATENT, 1, 1))
        output = self.discriminator(fake.detach())
        err_fake = self.criterion(output, zeros)
        err_fake.backward()
        self.optimizer_d.step()

        # generator
        self.generator.zero_grad()
        output = self.discriminator(fake)
        err_g = self.criterion(output, ones)
        err_g.backward()
        d_g_z = output.mean().item()
        self.optimizer_g.step()

        return (err_real + err_fake).item(), err_g.item(), d_x, d_g_z


def real_batch(n):
    grid = torch.linspace(-1, 1, 16)
    yy, xx = torch.meshgrid(grid, grid, indexing="ij")
    cx, cy = torch.rand(2, n, 1, 1) - 0.5
    width = 0.15 + 0.1 * torch.rand(n, 1, 1)
    img = torch.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / width)
    return (2 * img - 1).unsqueeze(1)


def main():
    gan = GAN()
    for it in range(251):
        err_d, err_g, d_x, d_g_z = gan.step(real_batch(64))
        if it % 50 == 0:
            with torch.no_grad():
                sample = gan.generator(torch.randn(256, LATENT, 1, 1))
            gap = (sample.mean(0) - real_batch(256).mean(0)).abs().mean()
            print(f"[{it:4d}] loss_D {err_d:.4f} loss_G {err_g:.4f} D(x) {d_x:.3f} D(G(z)) {d_g_z:.3f} "
                  f"mean-image gap {gap:.4f}")


if __name__ == "__main__":
    main()
