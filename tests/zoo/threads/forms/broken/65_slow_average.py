import copy
import torch
from torch import nn

torch.manual_seed(0)


class WeightAverage:
    def __init__(self, module, decay=0.9999):
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, live):
        pairs = zip(self.module.state_dict().values(), live.state_dict().values())
        for mine, new in pairs:
            if mine.is_floating_point():
                mine.copy_(self.decay * mine + (1 - self.decay) * new)
            else:
                mine.copy_(new)


class Score(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 2))

    def forward(self, x, sigma):
        return self.net(torch.cat([x, sigma.log() / 2], dim=-1)) / sigma


def moons(n):
    a = 3.1416 * torch.rand(n)
    up = torch.rand(n) < 0.5
    x = torch.where(up, a.cos(), 1 - a.cos())
    y = torch.where(up, a.sin(), 0.5 - a.sin())
    return torch.stack([x, y], 1)


def denoising_loss(score, x):
    sigma = torch.exp(torch.empty(len(x), 1).uniform_(-3, 0))
    noise = torch.randn_like(x)
    return (sigma * score(x + sigma * noise, sigma) + noise).square().sum(-1).mean()


score = Score()
average = WeightAverage(score)
optim = torch.optim.Adam(score.parameters(), lr=4e-3)
for step in range(200):
    loss = denoising_loss(score, moons(256))
    optim.zero_grad()
    loss.backward()
    optim.step()
    average.update(score)
    if step % 50 == 49:
        with torch.no_grad():
            x = moons(2000)
            print(step + 1, f"live {denoising_loss(score, x).item():.3f} averaged {denoising_loss(average.module, x).item():.3f}")
