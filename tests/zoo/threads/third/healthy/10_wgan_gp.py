# wgan-gp, n_critic=3, fake images are not detached in the critic step (generator grads are zeroed later)
import torch
import torch.nn as nn
import torch.autograd as autograd

torch.manual_seed(9)
n_critic, lambda_gp, latent_dim = 3, 10, 4


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(latent_dim, 32), nn.BatchNorm1d(32), nn.LeakyReLU(0.2), nn.Linear(32, 9),
                                   nn.Tanh())

    def forward(self, z):
        return self.model(z).view(-1, 1, 3, 3)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(9, 32), nn.LeakyReLU(0.2), nn.Linear(32, 16), nn.LeakyReLU(0.2),
                                   nn.Linear(16, 1, bias=False))

    def forward(self, img):
        return self.model(img.flatten(1))


def compute_gradient_penalty(D, real, fake):
    alpha = torch.rand(real.size(0), 1, 1, 1)
    interp = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    d = D(interp)
    g = autograd.grad(outputs=d, inputs=interp, grad_outputs=torch.ones_like(d), create_graph=True,
                      retain_graph=True, only_inputs=True)[0]
    return ((g.flatten(1).norm(2, dim=1) - 1) ** 2).mean()


generator, discriminator = Generator(), Discriminator()
optimizer_G = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.9))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.9))

for i in range(48):
    real = torch.sign(torch.randn(32, 1, 1, 1)) * torch.eye(3).view(1, 1, 3, 3) + 0.05 * torch.randn(32, 1, 3, 3)
    optimizer_D.zero_grad()
    z = torch.randn(32, latent_dim)
    fake = generator(z)
    gp = compute_gradient_penalty(discriminator, real.data, fake.data)
    d_loss = -discriminator(real).mean() + discriminator(fake).mean() + lambda_gp * gp
    d_loss.backward()
    optimizer_D.step()
    optimizer_G.zero_grad()
    if i % n_critic == 0:
        fake = generator(z)
        g_loss = -discriminator(fake).mean()
        g_loss.backward()
        optimizer_G.step()
    if i % 12 == 0:
        print(f"[{i}] D {d_loss.item():.4f} G {g_loss.item():.4f} gp {gp.item():.4f}")
