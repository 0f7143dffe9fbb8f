import torch
from torch import nn

torch.manual_seed(0)


def net(i, o, h=48):
    return nn.Sequential(nn.Linear(i, h), nn.LeakyReLU(0.2), nn.Linear(h, h), nn.LeakyReLU(0.2), nn.Linear(h, o))


class Players:
    def __init__(self, latent=4):
        self.latent = latent
        self.gen, self.disc = net(latent, 2), net(2, 1)
        self.g_opt = torch.optim.SGD(self.gen.parameters(), lr=0.02)
        self.d_opt = torch.optim.SGD(self.disc.parameters(), lr=0.05)
        self.criterion = nn.BCEWithLogitsLoss()

    def noise(self, n):
        return torch.randn(n, self.latent)

    def discriminator_turn(self, real):
        fake = self.gen(self.noise(len(real))).detach()
        score = self.disc(torch.cat([real, fake]))
        label = torch.cat([torch.ones(len(real), 1), torch.zeros(len(fake), 1)])
        loss = self.criterion(score, label)
        self.d_opt.zero_grad()
        loss.backward()
        self.d_opt.step()
        return loss.item()

    def generator_turn(self, n):
        score = self.disc(self.gen(self.noise(n)))
        loss = self.criterion(score, torch.ones_like(score))
        self.d_opt.zero_grad()
        loss.backward()
        self.g_opt.step()
        return loss.item()


def real_points(n):
    return torch.randn(n, 2) * torch.tensor([0.3, 0.1]) + torch.tensor([1.0, -0.5])


game = Players()
for step in range(501):
    d = game.discriminator_turn(real_points(64))
    g = game.generator_turn(64)
    if step % 100 == 0:
        with torch.no_grad():
            pts = game.gen(game.noise(1000))
        norm = sum(p.grad.norm() for p in game.gen.parameters())
        print(f"{step} d {d:.3f} g {g:.3f} mean {pts.mean(0).tolist()} std {pts.std(0).tolist()} grad {norm:.3f}")
