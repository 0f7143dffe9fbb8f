import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class Generator(nn.Module):
    def __init__(self, z_dim=16):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(z_dim, 64), nn.ReLU(), nn.Linear(64, 40), nn.Tanh())

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(40 + 16, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))

    def forward(self, spec, label):
        return self.net(torch.cat([spec, label], dim=1))


g, d = Generator(), Discriminator()
g_opt = torch.optim.Adam(g.parameters(), lr=2e-4, betas=(0.5, 0.999))
d_opt = torch.optim.Adam(d.parameters(), lr=2e-4, betas=(0.5, 0.999))
lambda_l1 = 10.0

spec = torch.tanh(torch.randn(64, 40))
label = torch.randn(64, 16)

for step in range(5):
    idx = torch.randperm(64)[:16]
    real, f = spec[idx], label[idx]
    fake_spec = g(f)

    d_fake2 = d(fake_spec.detach(), f)
    G_loss1 = F.mse_loss(d_fake2, torch.ones_like(d_fake2))
    G_loss2 = F.l1_loss(fake_spec, real)
    G_loss = G_loss1 + lambda_l1 * G_loss2
    g_opt.zero_grad()
    G_loss.backward()
    g_opt.step()

    d_fake = d(fake_spec.detach(), f)
    d_real = d(real, f)
    D_loss = 0.5 * (F.mse_loss(d_real, torch.ones_like(d_real)) + F.mse_loss(d_fake, torch.zeros_like(d_fake)))
    d_opt.zero_grad()
    D_loss.backward()
    d_opt.step()
    print(f"step {step} G {G_loss.item():.4f} (adv {G_loss1.item():.4f}) D {D_loss.item():.4f}")
