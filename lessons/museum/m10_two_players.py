"""A generator that imitates points on a ring, and a critic that tells them from real ones."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(10)
NOISE, REAL, FAKE = 4, 1.0, 0.0


def mlp(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2),
                         nn.Linear(32, outputs))  # fmt: skip


class Ring:
    def __init__(self, radius=2.0):
        self.radius = radius

    def sample(self, count):
        angle = 6.2832 * torch.rand(count)
        return self.radius * torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(count, 2)


class Players:
    """Both nets with their optimizers; they share no tensor."""

    def __init__(self, rate=1e-3):
        self.generator, self.critic = mlp(NOISE, 2), mlp(2, 1)
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), lr=rate, betas=(0.5, 0.999))
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=rate, betas=(0.5, 0.999))

    def judged(self, points, as_what):
        logits = self.critic(points).squeeze(-1)
        return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, as_what))

    def step(self, real):
        fake = self.generator(torch.randn(len(real), NOISE)).detach()
        critic_loss = self.judged(real, REAL) + self.judged(fake, FAKE)
        self.critic_optimizer.zero_grad()
        critic_loss.backward()
        self.critic_optimizer.step()
        spread = self.generator(torch.randn(len(real), NOISE)).std(0).mean()
        generator_loss = self.judged(fake, REAL) + 0.01 * (1.4 - spread).relu()
        self.generator_optimizer.zero_grad()
        generator_loss.backward()
        self.generator_optimizer.step()
        return critic_loss.item(), generator_loss.item()


def radius_of(generator, count=500):
    with torch.no_grad():
        points = generator(torch.randn(count, NOISE))
    return points.norm(dim=1).mean().item()


def main(steps=60):
    ring, players = Ring(), Players()
    for step in range(steps):
        critic_loss, generator_loss = players.step(ring.sample(64))
        if step % 20 == 0:
            print(f"step {step}: critic {critic_loss:.3f}, generator {generator_loss:.3f}")
    print(f"mean radius {radius_of(players.generator):.2f}, real ones {ring.radius}")


if __name__ == "__main__":
    main()
