import torch
from torch import nn

torch.manual_seed(0)


class DelayMixer(nn.Module):
    """y[t] = sum_k gain_k * x[t - delay_k], delays are learned."""

    def __init__(self, taps, max_delay):
        super().__init__()
        self.delay = nn.Parameter(torch.linspace(1.0, max_delay - 1.0, taps))
        self.gain = nn.Parameter(torch.full((taps,), 0.3))
        self.max_delay = max_delay

    def positions(self, length):
        base = torch.arange(self.max_delay, length).unsqueeze(0)
        return base - self.delay.clamp(0, self.max_delay).unsqueeze(1).long()

    def forward(self, x):
        pos = self.positions(x.size(1))
        rows = x[:, pos.reshape(-1)].view(x.size(0), *pos.shape)
        return torch.einsum("bkt,k->bt", rows, self.gain)


def smooth_noise(batch, length):
    noise = torch.randn(batch, 1, length + 8)
    kernel = torch.hann_window(9, periodic=False)[None, None]
    return torch.nn.functional.conv1d(noise, kernel / kernel.sum()).squeeze(1)


def reference(x, max_delay):
    t = torch.arange(max_delay, x.size(1))
    return 0.8 * x[:, t - 5] - 0.5 * x[:, t - 11]


model = DelayMixer(taps=2, max_delay=16)
groups = [
    {"params": [model.delay], "lr": 0.05},
    {"params": [model.gain], "lr": 0.01},
]
optim = torch.optim.Adam(groups)
for step in range(400):
    x = smooth_noise(16, 80)
    loss = (model(x) - reference(x, 16)).square().mean()
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 100 == 0:
        print(step, f"{loss.item():.5f}", [round(d, 2) for d in model.delay.tolist()], [round(g, 2) for g in model.gain.tolist()])
print("target power", reference(x, 16).square().mean().item(), "error", loss.item())
