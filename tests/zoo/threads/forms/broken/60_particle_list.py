import torch
from torch import nn

torch.manual_seed(0)


class PairPotential(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 24), nn.Softplus(), nn.Linear(24, 1))

    def forward(self, distance):
        return self.net(distance.unsqueeze(-1)).squeeze(-1)


def pair_distances(points):
    i, j = torch.triu_indices(len(points), len(points), offset=1)
    return (points[i] - points[j]).norm(dim=-1)


def gather_energy(potential, molecules):
    values = []
    for points in molecules:
        values.append(potential(pair_distances(points)).sum())
    return torch.tensor(values, requires_grad=True)


def true_energy(points):
    d = pair_distances(points)
    return ((1 - torch.exp(-(d - 1.2))) ** 2 - 1).sum()


def molecules(n):
    made = [torch.randn(int(torch.randint(3, 6, (1,))), 3) * 0.5 + 0.5 * torch.arange(3.0) for _ in range(n)]
    return made, torch.stack([true_energy(p) for p in made])


class FitLoop:
    def __init__(self, potential, lr):
        self.potential = potential
        self.optim = torch.optim.Adam(potential.parameters(), lr=lr)

    def step(self, batch):
        structures, energy = batch
        predicted = gather_energy(self.potential, structures)
        loss = nn.functional.smooth_l1_loss(predicted, energy)
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return loss.item()


loop = FitLoop(PairPotential(), 1e-2)
for it in range(100):
    loss = loop.step(molecules(16))
    if it % 20 == 0:
        print(it, round(loss, 3))
