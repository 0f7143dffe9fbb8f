import torch
import torch.nn as nn


def mlp(a, h, b):
    return nn.Sequential(nn.Linear(a, h), nn.LeakyReLU(0.2), nn.Linear(h, h), nn.LeakyReLU(0.2), nn.Linear(h, b))


def real_batch(n):
    mode = torch.randint(0, 4, (n,))
    centers = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0], [0.0, -2.0]])
    return centers[mode] + 0.2 * torch.randn(n, 2)


def gradient_penalty(critic, real, fake):
    eps = torch.rand(real.size(0), 1)
    mix = (eps * real + (1 - eps) * fake).requires_grad_(True)
    grad = torch.autograd.grad(critic(mix).sum(), mix, create_graph=True)[0]
    return (grad.norm(dim=1) - 1).pow(2).mean()


class Trainer:
    def __init__(self, z_dim=4, n_critic=3, lam=1.0):
        self.gen, self.critic = mlp(z_dim, 48, 2), mlp(2, 48, 1)
        self.opt_g = torch.optim.Adam(self.gen.parameters(), lr=1e-3, betas=(0.0, 0.9))
        self.opt_c = torch.optim.Adam(self.critic.parameters(), lr=1e-3, betas=(0.0, 0.9))
        self.z_dim, self.n_critic, self.lam = z_dim, n_critic, lam

    def noise(self, n):
        return torch.randn(n, self.z_dim)

    def critic_step(self, n):
        real = real_batch(n)
        with torch.no_grad():
            fake = self.gen(self.noise(n))
        loss = self.critic(fake).mean() - self.critic(real).mean() + self.lam * gradient_penalty(self.critic, real, fake)
        self.opt_c.zero_grad()
        loss.backward()
        self.opt_c.step()
        return loss.item()

    def generator_step(self, n):
        for p in self.critic.parameters():
            p.requires_grad_(False)
        loss = -self.critic(self.gen(self.noise(n))).mean()
        self.opt_g.zero_grad()
        loss.backward()
        self.opt_g.step()
        for p in self.critic.parameters():
            p.requires_grad_(True)
        return loss.item()


def main():
    torch.manual_seed(0)
    tr = Trainer()
    for step in range(120):
        for _ in range(tr.n_critic):
            c = tr.critic_step(64)
        g = tr.generator_step(64)
        if step % 30 == 0:
            with torch.no_grad():
                radius = tr.gen(tr.noise(256)).norm(dim=1).mean().item()
            print(f"step {step:3d} critic {c:+.4f} generator {g:+.4f} mean radius {radius:.3f}")


if __name__ == "__main__":
    main()
