import torch
from torch import nn

torch.manual_seed(0)


class ScoreNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 8, 3, padding=1), nn.SiLU())
        self.out = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x):
        return x + self.out(self.conv(x))


def clean_images(n, size=12):
    g = torch.arange(size).float()
    a, b, c = torch.rand(3, n, 1, 1) * 2 - 1
    return torch.sin(a * g[:, None] + b * g[None, :] + 3 * c).unsqueeze(1)


def by_noise_level(n, levels=(0.05, 0.2, 0.5, 1.0)):
    """One micro batch per noise level."""
    for sigma in reversed(levels):
        x = clean_images(n)
        yield sigma, x + sigma * torch.randn_like(x), x


def split_backward(model, optim, parts):
    parts = list(parts)
    record = {}
    for sigma, noisy, clean in parts:
        optim.zero_grad()
        loss = nn.functional.mse_loss(model(noisy), clean)
        (loss / len(parts)).backward()
        record[sigma] = loss.item()
    return record


model = ScoreNet()
optim = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(120):
    record = split_backward(model, optim, by_noise_level(8))
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optim.step()
    if step % 20 == 0:
        print(step, {k: round(v, 4) for k, v in record.items()})
print("doing nothing would give", {s: round(s ** 2, 4) for s in record})
