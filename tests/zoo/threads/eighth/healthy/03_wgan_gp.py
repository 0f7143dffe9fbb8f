import math

import torch
import torch.nn as nn

torch.manual_seed(0)
N_MODES, LAMBDA = 6, 0.5


def real_batch(n):
    k = torch.randint(0, N_MODES, (n,)).float() * (2 * math.pi / N_MODES)
    return torch.stack([k.cos(), k.sin()], dim=1) * 2 + 0.05 * torch.randn(n, 2)


G = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
critic = nn.Sequential(nn.Linear(2, 96), nn.LeakyReLU(0.2), nn.Linear(96, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=2e-3, betas=(0.5, 0.9))
opt_c = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.9))


def gradient_penalty(real, fake):
    eps = torch.rand(len(real), 1)
    mix = (eps * real + (1 - eps) * fake).requires_grad_(True)
    score = critic(mix)
    grad, = torch.autograd.grad(score, mix, torch.ones_like(score), create_graph=True, retain_graph=True)
    return ((grad.norm(2, dim=1) - 1) ** 2).mean()


def coverage():
    with torch.no_grad():
        x = G(torch.randn(1000, 4))
    k = torch.arange(N_MODES).float() * (2 * math.pi / N_MODES)
    modes = torch.stack([k.cos(), k.sin()], dim=1) * 2
    d, which = torch.cdist(x, modes).min(dim=1)
    near = d < 0.4
    return near.float().mean().item(), which[near].unique().numel()


for it in range(600):
    for p in critic.parameters():
        p.requires_grad_(True)
    for _ in range(3):
        real = real_batch(64)
        with torch.no_grad():
            fake = G(torch.randn(64, 4))
        loss_c = critic(fake).mean() - critic(real).mean() + LAMBDA * gradient_penalty(real, fake)
        opt_c.zero_grad(set_to_none=True)
        loss_c.backward()
        opt_c.step()

    for p in critic.parameters():
        p.requires_grad_(False)
    loss_g = -critic(G(torch.randn(64, 4))).mean()
    opt_g.zero_grad(set_to_none=True)
    loss_g.backward()
    opt_g.step()

    if it % 100 == 99:
        near, modes = coverage()
        print(f"it {it + 1} critic {loss_c.item():.3f} generator {loss_g.item():.3f} near a mode {near:.2f} modes {modes}")
