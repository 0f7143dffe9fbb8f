import torch
from torch import nn

torch.manual_seed(0)


def players():
    gen = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 2))
    disc = nn.Sequential(nn.Linear(2, 48), nn.LeakyReLU(0.2), nn.Linear(48, 48), nn.LeakyReLU(0.2), nn.Linear(48, 1))
    return nn.ModuleDict({"gen": gen, "disc": disc})


def gradient_penalty(disc, real, fake):
    mix = torch.lerp(real, fake, torch.rand(len(real), 1)).requires_grad_()
    (slope,) = torch.autograd.grad(disc(mix).sum(), mix, create_graph=True)
    return (slope.norm(dim=-1) - 1).square().mean()


class Game:
    def __init__(self):
        self.p = players()
        self.opt = {k: torch.optim.Adam(m.parameters(), lr=2e-3, betas=(0.0, 0.9)) for k, m in self.p.items()}

    def turn(self, who, loss):
        for opt in self.opt.values():
            opt.zero_grad()
        loss.backward()
        self.opt[who].step()
        return loss.item()

    def play(self, real):
        for _ in range(2):
            with torch.no_grad():
                fake = self.p["gen"](torch.randn(len(real), 4))
            d = self.p["disc"](fake).mean() - self.p["disc"](real).mean()
            d = self.turn("disc", d + gradient_penalty(self.p["disc"], real, fake))
        g = self.turn("gen", -self.p["disc"](self.p["gen"](torch.randn(len(real), 4))).mean())
        return d, g


def ring(n):
    a = 6.2832 * torch.rand(n)
    return torch.stack([a.cos(), a.sin()], dim=1) + 0.05 * torch.randn(n, 2)


game = Game()
for step in range(301):
    d, g = game.play(ring(64))
    if step % 60 == 0:
        with torch.no_grad():
            radius = game.p["gen"](torch.randn(1000, 4)).norm(dim=1)
        print(step, f"d {d:.3f} g {g:.3f} radius {radius.mean():.3f} +- {radius.std():.3f}")
