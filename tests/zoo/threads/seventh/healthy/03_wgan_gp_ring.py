import math

import torch
import torch.nn as nn

torch.manual_seed(2)


def ring(n):
    k = torch.randint(0, 6, (n,)).float() * (2 * math.pi / 6)
    return torch.stack([k.cos(), k.sin()], 1) * 2 + 0.05 * torch.randn(n, 2)


def mlp(nin, nout, act):
    return nn.Sequential(nn.Linear(nin, 64), act(), nn.Linear(64, 64), act(), nn.Linear(64, nout))


generator = mlp(4, 2, nn.ReLU)
critic = mlp(2, 1, lambda: nn.LeakyReLU(0.2))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.0, 0.9))
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.0, 0.9))
N_CRITIC, LAMBDA, BATCH = 3, 1.0, 128


def gradient_penalty(real, fake):
    eps = torch.rand(len(real), 1)
    mid = (eps * real + (1 - eps) * fake).requires_grad_(True)
    score = critic(mid)
    grad, = torch.autograd.grad(score, mid, torch.ones_like(score), create_graph=True)
    return (grad.norm(dim=1) - 1).pow(2).mean()


def set_trainable(net, flag):
    for p in net.parameters():
        p.requires_grad_(flag)


for step in range(1, 301):
    set_trainable(critic, True)
    for _ in range(N_CRITIC):
        real = ring(BATCH)
        with torch.no_grad():
            fake = generator(torch.randn(BATCH, 4))
        gp = gradient_penalty(real, fake)
        w_dist = critic(real).mean() - critic(fake).mean()
        loss_c = -w_dist + LAMBDA * gp
        opt_c.zero_grad()
        loss_c.backward()
        opt_c.step()

    set_trainable(critic, False)
    loss_g = -critic(generator(torch.randn(BATCH, 4))).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()

    if step % 50 == 0:
        with torch.no_grad():
            radius = generator(torch.randn(500, 4)).norm(dim=1)
        print(f"step {step:3d}  W {w_dist.item():.4f}  gp {gp.item():.4f}  G {loss_g.item():.4f}  "
              f"radius {radius.mean():.3f} +- {radius.std():.3f}")
