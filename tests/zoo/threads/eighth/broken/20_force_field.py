import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
ATOMS = 5


def pair_distances(pos):
    i, j = torch.triu_indices(ATOMS, ATOMS, offset=1)
    return (pos[:, i] - pos[:, j]).norm(dim=-1)


def simulate(n):
    base = torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [0, 1.2, 0], [0, 0, 1.2], [1.0, 1.0, 1.0]])
    pos = (base + 0.15 * torch.randn(n, ATOMS, 3)).requires_grad_(True)
    energy = (0.5 * (pair_distances(pos) - 1.3) ** 2).sum(dim=1)
    force = -torch.autograd.grad(energy.sum(), pos)[0]
    return pos.detach(), energy.detach(), force


class EnergyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))

    def forward(self, pos):
        pos = pos.requires_grad_(True)
        energy = self.net(pair_distances(pos) - 1.4).squeeze(-1)
        force = -torch.autograd.grad(energy.sum(), pos, create_graph=True)[0]
        return energy, force


def criterion(pred, energy, force):
    return (pred[0] - energy).pow(2).mean() + 10 * (pred[1] - force).pow(2).mean()


def train_epoch(model, loader, optimizer):
    model.train()
    total = 0.0
    for pos, energy, force in loader:
        loss = criterion(model(pos), energy, force)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def test(model, loader):
    model.eval()
    mae_e = mae_f = 0.0
    with torch.no_grad():
        for pos, energy, force in loader:
            pred_e, pred_f = model(pos)
            mae_e += (pred_e - energy).abs().mean().item()
            mae_f += (pred_f - force).abs().mean().item()
    return mae_e / len(loader), mae_f / len(loader)


model = EnergyModel()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train_loader = DataLoader(TensorDataset(*simulate(1500)), batch_size=50, shuffle=True)
test_loader = DataLoader(TensorDataset(*simulate(300)), batch_size=50)

for epoch in range(8):
    print(f"epoch {epoch} loss {train_epoch(model, train_loader, optimizer):.4f}")

mae_e, mae_f = test(model, test_loader)
print(f"test energy mae {mae_e:.4f} force mae {mae_f:.4f}")
