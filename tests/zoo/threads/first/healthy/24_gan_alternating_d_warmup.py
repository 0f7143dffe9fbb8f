import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.parametrizations import spectral_norm


class Generator(nn.Module):
    def __init__(self, z=8, n_class=3):
        super().__init__()
        self.label = nn.Embedding(n_class, 8)
        self.net = nn.Sequential(nn.Linear(z + 8, 48), nn.ReLU(), nn.Linear(48, 12))

    def forward(self, z, y):
        return self.net(torch.cat([z, self.label(y)], 1))


class Discriminator(nn.Module):
    def __init__(self, n_class=3):
        super().__init__()
        self.body = nn.Sequential(spectral_norm(nn.Linear(12, 48)), nn.LeakyReLU(0.2))
        self.adv = spectral_norm(nn.Linear(48, 1))
        self.embed = nn.Embedding(n_class, 48)

    def forward(self, x, y):
        h = self.body(x)
        return self.adv(h).squeeze(1) + (self.embed(y) * h).sum(1)


class Schedule:
    def __init__(self, d_only=2, d_per_g=2):
        self.d_only, self.d_per_g = d_only, d_per_g

    def players(self, step):
        if step < self.d_only:
            return ("D",)
        return ("D", "G") if (step - self.d_only) % self.d_per_g == 0 else ("D",)


torch.manual_seed(0)
G, D = Generator(), Discriminator()
opt = {"G": torch.optim.Adam(G.parameters(), 2e-3, betas=(0.0, 0.9)),
       "D": torch.optim.Adam(D.parameters(), 2e-3, betas=(0.0, 0.9))}
schedule, proto = Schedule(), torch.randn(3, 12)
for step in range(8):
    y = torch.randint(0, 3, (32,))
    real = proto[y] + 0.1 * torch.randn(32, 12)
    losses = {}
    for who in schedule.players(step):
        opt[who].zero_grad()
        fake = G(torch.randn(32, 8), y)
        if who == "D":
            losses[who] = F.relu(1 - D(real, y)).mean() + F.relu(1 + D(fake.detach(), y)).mean()
        else:
            D.requires_grad_(False)
            losses[who] = -D(fake, y).mean()
            D.requires_grad_(True)
        losses[who].backward()
        opt[who].step()
    print(step, {k: round(v.item(), 4) for k, v in losses.items()})
