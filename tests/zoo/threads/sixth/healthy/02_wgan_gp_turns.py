"""WGAN-GP on a ring of Gaussians: several critic turns per generator turn."""
import math

import torch
import torch.nn as nn

torch.manual_seed(1)
Z, N_CRITIC, GP = 8, 3, 5.0


def mlp(cin, cout):
    return nn.Sequential(nn.Linear(cin, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, cout))


def real_points(n):
    angle = torch.randint(0, 8, (n,)).float() * (math.pi / 4)
    return 2 * torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(n, 2)


def gradient_penalty(critic, real, fake):
    mix = torch.rand(len(real), 1)
    inter = (mix * real + (1 - mix) * fake).requires_grad_(True)
    grad, = torch.autograd.grad(critic(inter).sum(), inter, create_graph=True)
    return (grad.norm(dim=1) - 1).pow(2).mean()


def set_trainable(module, flag):
    for p in module.parameters():
        p.requires_grad_(flag)


def critic_turn(generator, critic, opt):
    real = real_points(128)
    with torch.no_grad():
        fake = generator(torch.randn(128, Z))
    loss = critic(fake).mean() - critic(real).mean() + GP * gradient_penalty(critic, real, fake)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()


def generator_turn(generator, critic, opt):
    set_trainable(critic, False)
    loss = -critic(generator(torch.randn(128, Z))).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    set_trainable(critic, True)
    return loss.item()


def main():
    generator, critic = mlp(Z, 2), mlp(2, 1)
    opt_g = torch.optim.Adam(generator.parameters(), lr=5e-4, betas=(0.0, 0.9))
    opt_c = torch.optim.Adam(critic.parameters(), lr=5e-4, betas=(0.0, 0.9))
    for it in range(401):
        for _ in range(N_CRITIC):
            c_loss = critic_turn(generator, critic, opt_c)
        g_loss = generator_turn(generator, critic, opt_g)
        if it % 100 == 0:
            with torch.no_grad():
                radius = generator(torch.randn(512, Z)).norm(dim=1)
            print(f"{it:4d} critic {c_loss:.4f} generator {g_loss:.4f} radius {radius.mean():.3f} +- {radius.std():.3f}")


if __name__ == "__main__":
    main()
