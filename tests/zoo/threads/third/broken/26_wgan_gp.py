"""WGAN-GP on 2D mixture of gaussians."""
import torch
import torch.nn as nn
from torch import autograd

torch.manual_seed(16)
LAMBDA, CRITIC_ITERS, BATCH = 10.0, 3, 64


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, z):
        return self.main(z)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2),
                                  nn.Linear(32, 1, bias=False))

    def forward(self, x):
        return self.main(x).view(-1)


def calc_gradient_penalty(netD, real, fake):
    alpha = torch.rand(real.size(0), 1).expand_as(real)
    interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    disc = netD(interpolates)
    gradients = autograd.grad(outputs=disc, inputs=interpolates,
                              grad_outputs=torch.ones_like(disc), retain_graph=True)[0]
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean() * LAMBDA


def real_data(n=BATCH):
    k = torch.randint(0, 8, (n,)).float() * 3.14159 / 4
    return torch.stack([k.cos(), k.sin()], 1) * 2 + 0.05 * torch.randn(n, 2)


netG, netD = Generator(), Critic()
optD = torch.optim.Adam(netD.parameters(), lr=5e-3, betas=(0.5, 0.9))
optG = torch.optim.Adam(netG.parameters(), lr=1e-3, betas=(0.5, 0.9))

for it in range(40):
    for p in netD.parameters():
        p.requires_grad = True
    for _ in range(CRITIC_ITERS):
        real = real_data()
        with torch.no_grad():
            fake = netG(torch.randn(BATCH, 2))
        optD.zero_grad()
        gp = calc_gradient_penalty(netD, real, fake)
        w = netD(real).mean() - netD(fake).mean()
        (gp - w).backward()
        optD.step()
    for p in netD.parameters():
        p.requires_grad = False
    optG.zero_grad()
    g = -netD(netG(torch.randn(BATCH, 2))).mean()
    g.backward()
    optG.step()
    if it % 10 == 9:
        print(f"iter {it + 1} wasserstein {w.item():.3f} gp {gp.item():.3f} g {g.item():.3f}")
