import torch
import torch.nn as nn


def conv_block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.LeakyReLU(0.2))


class Generator(nn.Module):
    def __init__(self, nfc=12):
        super().__init__()
        self.head = conv_block(3, nfc)
        self.body = nn.Sequential(conv_block(nfc, nfc), conv_block(nfc, nfc))
        self.tail = nn.Sequential(nn.Conv2d(nfc, 3, 3, padding=1), nn.Tanh())

    def forward(self, noise, prev):
        return self.tail(self.body(self.head(noise + prev))) + prev


def discriminator(nfc=12):
    return nn.Sequential(conv_block(3, nfc), conv_block(nfc, nfc), nn.Conv2d(nfc, 1, 3, padding=1))


def gradient_penalty(netD, real, fake, lam=0.1):
    alpha = torch.rand(1, 1)
    x = (alpha * real + (1 - alpha) * fake).detach().requires_grad_(True)
    g, = torch.autograd.grad(netD(x).sum(), x, create_graph=True)
    return ((g.norm(2, dim=1) - 1) ** 2).mean() * lam


def train_single_scale(netD, netG, real, Gsteps=3, Dsteps=3, alpha=10, niter=3):
    optD = torch.optim.Adam(netD.parameters(), lr=5e-4, betas=(0.5, 0.999))
    optG = torch.optim.Adam(netG.parameters(), lr=5e-4, betas=(0.5, 0.999))
    rec_loss = nn.MSELoss()
    z_opt, prev = torch.randn_like(real), torch.zeros_like(real)
    for epoch in range(niter):
        for j in range(Dsteps):
            fake = netG(torch.randn_like(real), prev)
            errD = -netD(real).mean() + netD(fake.detach()).mean() + gradient_penalty(netD, real, fake)
            netD.zero_grad()
            errD.backward()
            optD.step()
        for j in range(Gsteps):
            netG.zero_grad()
            output = netD(fake)
            errG = -output.mean()
            errG.backward(retain_graph=True)
            rec = alpha * rec_loss(netG(z_opt, prev), real)
            rec.backward(retain_graph=True)
            optG.step()
        print(f"[{epoch}/{niter}] D {errD.item():.4f} G {errG.item():.4f} rec {rec.item():.4f}")


torch.manual_seed(0)
train_single_scale(discriminator(), Generator(), torch.rand(1, 3, 20, 20) * 2 - 1)
