import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
SIZE, Z_DIM = 12, 8
axis = torch.arange(SIZE).float()


def sample_people(n):
    """Images of a striped shirt, a mask of the person and the pose (place and height of the person)."""
    cx = torch.rand(n, 1, 1) * 4 + 4
    h = torch.rand(n, 1, 1) * 3 + 5
    phase = torch.rand(n, 1, 1) * 6.28
    shirt = 0.5 + 0.4 * torch.sin(axis.view(1, -1, 1) * 0.9 + phase)
    background = -0.6 + 0.3 * torch.randn(n, SIZE, SIZE)
    mask = (((axis.view(1, 1, -1) - cx).abs() < 2.6) & (axis.view(1, -1, 1) > SIZE - h - 1)).float()
    image = mask * shirt + (1 - mask) * background
    pose = torch.cat([cx.view(n, 1) / 6 - 1, h.view(n, 1) / 4 - 1.6], dim=1)
    return image.unsqueeze(1), mask.unsqueeze(1), pose


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(Z_DIM + 2, 16 * 9)
        self.conv1 = nn.Conv2d(16, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1)
        self.to_image = nn.Conv2d(16, 1, 3, padding=1)
        self.noise = 0.3

    def forward(self, z, pose):
        x = F.leaky_relu(self.fc(torch.cat([z, pose], dim=1)), 0.2).view(-1, 16, 3, 3)
        x = F.interpolate(x, scale_factor=2, mode="bilinear")
        x = F.leaky_relu(self.conv1(x), 0.2)
        x = F.interpolate(x, scale_factor=2, mode="bilinear")
        x = F.leaky_relu(self.conv2(x) + self.noise * torch.randn_like(x), 0.2)
        return torch.tanh(self.to_image(x))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(32, 32, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(64 * 9, 1),
        )

    def forward(self, image, pose):
        plane = pose.view(-1, 2, 1, 1).expand(-1, 2, SIZE, SIZE)
        return self.conv(torch.cat([image, plane], dim=1)).squeeze(1)


G, D = Generator(), Discriminator()
g_opt = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.99))
d_opt = torch.optim.Adam(D.parameters(), lr=2e-3, betas=(0.5, 0.99))
d_avg = g_avg = 0.0

for step in range(1, 451):
    image, mask, pose = sample_people(16)
    real = image * mask
    fake = G(torch.randn(16, Z_DIM), pose)
    d_loss = F.softplus(-D(real, pose)).mean() + F.softplus(D(fake.detach(), pose)).mean()
    d_opt.zero_grad()
    d_loss.backward()
    d_opt.step()

    fake = G(torch.randn(16, Z_DIM), pose)
    g_loss = F.softplus(-D(fake, pose)).mean()
    g_opt.zero_grad()
    g_loss.backward()
    g_opt.step()

    d_avg += d_loss.item()
    g_avg += g_loss.item()
    if step % 50 == 0:
        inside = ((fake * mask).sum() / mask.sum()).item()
        spread = (fake * mask).sum(dim=(2, 3)).std().item() / mask.sum(dim=(2, 3)).mean().item()
        print(f"step {step} d_loss {d_avg / 50:.3f} g_loss {g_avg / 50:.3f} mean on person {inside:.3f} spread {spread:.3f}")
        d_avg = g_avg = 0.0
