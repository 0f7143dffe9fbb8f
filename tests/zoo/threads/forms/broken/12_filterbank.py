import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
BINS = 64


def triangular(centre, width, bins):
    grid = np.arange(bins)[None, :]
    slope = np.abs(grid - centre[:, None]) / width[:, None]
    return np.maximum(0.0, 1.0 - slope)


class LearnedFilters(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.centre = nn.Parameter(torch.linspace(6, BINS - 6, count))
        self.width = nn.Parameter(torch.full((count,), 8.0))

    def weights(self):
        bank = triangular(self.centre.detach().numpy(), self.width.detach().numpy(), BINS)
        return torch.from_numpy(bank).float()

    def forward(self, spectrum):
        energy = torch.einsum("bf,kf->bk", spectrum, self.weights())
        return torch.log1p(energy)


class PitchClassifier(nn.Module):
    def __init__(self, filters, classes):
        super().__init__()
        self.front = LearnedFilters(filters)
        self.back = nn.Sequential(nn.Linear(filters, 32), nn.ReLU(), nn.Linear(32, classes))

    def forward(self, spectrum):
        return self.back(self.front(spectrum))


PEAKS = torch.tensor([12.0, 14.0, 16.0, 46.0])


def spectra(n):
    y = torch.randint(len(PEAKS), (n,))
    grid = torch.arange(BINS).float()
    peak = PEAKS[y] + 0.3 * torch.randn(n)
    clean = torch.exp(-0.5 * ((grid - peak[:, None]) / 1.5) ** 2)
    return (clean + 0.15 * torch.rand(n, BINS)), y


def parameter_groups(model):
    front, back = [], []
    for name, p in model.named_parameters():
        (front if name.startswith("front.") else back).append(p)
    return [{"params": front, "lr": 5e-2}, {"params": back, "lr": 3e-3}]


model = PitchClassifier(filters=4, classes=4)
optim = torch.optim.Adam(parameter_groups(model))
for step in range(300):
    x, y = spectra(64)
    loss = nn.functional.cross_entropy(model(x), y)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 60 == 0:
        print(step, round(loss.item(), 3), "centres", [round(c, 1) for c in model.front.centre.tolist()])
