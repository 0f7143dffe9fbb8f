import torch
from torch import nn

torch.manual_seed(0)


class WeightedHuber(nn.Module):
    def __init__(self, delta=1.0):
        super().__init__()
        self.delta = delta

    def forward(self, prediction, target, weight):
        gap = (prediction - target).abs()
        error = torch.where(gap < self.delta, 0.5 * gap.square(), self.delta * (gap - 0.5 * self.delta))
        return (weight * error).sum() / weight.sum().clamp(min=1) / len(weight)


class CalibrationSet(torch.utils.data.Dataset):
    """A third of the readings come from a broken probe and carry weight 0."""

    def __init__(self, n):
        self.x = torch.rand(n, 3)
        clean = (self.x * torch.tensor([2.0, -1.0, 0.5])).sum(1, keepdim=True)
        broken = torch.rand(n) < 0.33
        self.y = torch.where(broken[:, None], clean + 6.0, clean)
        self.clean = clean
        self.weight = (~broken).float()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i], self.weight[i]


data = CalibrationSet(600)
loader = torch.utils.data.DataLoader(data, batch_size=60, shuffle=True)
model = nn.Sequential(nn.Linear(3, 32), nn.SiLU(), nn.Linear(32, 1))
criterion = WeightedHuber()
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(40):
    for x, y, w in loader:
        loss = criterion(model(x), y, w)
        optim.zero_grad()
        loss.backward()
        optim.step()
    if epoch % 8 == 7:
        with torch.no_grad():
            bias = (model(data.x) - data.clean).mean()
        print(f"epoch {epoch + 1} loss {loss.item():.4f} mean offset from the clean values {bias.item():.3f}")
