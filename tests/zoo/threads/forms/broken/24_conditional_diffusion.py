import math
import torch
from torch import nn

torch.manual_seed(0)
STEPS = 40
beta = torch.linspace(1e-3, 0.15, STEPS)
alpha_bar = torch.cumprod(1 - beta, dim=0)


def time_features(t, dim=16):
    freq = torch.exp(-math.log(1000.0) * torch.arange(dim // 2) / (dim // 2))
    arg = t[:, None].float() * freq
    return torch.cat([arg.sin(), arg.cos()], dim=-1)


class Denoiser(nn.Module):
    def __init__(self, classes, dim=64):
        super().__init__()
        self.inp = nn.Linear(2, dim)
        self.time = nn.Sequential(nn.Linear(16, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.label = nn.Embedding(classes, dim)
        self.mid = nn.Sequential(nn.SiLU(), nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim), nn.SiLU())
        self.out = nn.Linear(dim, 2)

    def forward(self, x, t, y):
        time = self.time(time_features(t))
        context = time + self.label(y)
        h = self.inp(x) + time
        return self.out(self.mid(h))


centres = torch.tensor([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])


def points(n):
    y = torch.randint(3, (n,))
    return centres[y] + 0.15 * torch.randn(n, 2), y


def diffuse(x, t):
    noise = torch.randn_like(x)
    a = alpha_bar[t].unsqueeze(-1)
    return a.sqrt() * x + (1 - a).sqrt() * noise, noise


@torch.no_grad()
def sample(model, y):
    x = torch.randn(len(y), 2)
    for i in reversed(range(STEPS)):
        t = torch.full((len(y),), i)
        eps = model(x, t, y)
        x = (x - beta[i] / (1 - alpha_bar[i]).sqrt() * eps) / (1 - beta[i]).sqrt()
        if i:
            x = x + beta[i].sqrt() * torch.randn_like(x)
    return x


model = Denoiser(3)
optim = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(300):
    x, y = points(256)
    t = torch.randint(STEPS, (256,))
    noisy, noise = diffuse(x, t)
    loss = nn.functional.mse_loss(model(noisy, t, y), noise)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 3))
for c in range(3):
    made = sample(model, torch.full((200,), c))
    print("class", c, "mean of samples", made.mean(0).tolist(), "wanted", centres[c].tolist())
