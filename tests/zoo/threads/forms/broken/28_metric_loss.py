import torch
from torch import nn

torch.manual_seed(0)


class PairDistance(nn.Module):
    def forward(self, z):
        gram = z[:, None, :] - z[None, :, :]
        return torch.einsum("ijd,ijd->ij", gram, gram).sqrt()


class MarginLoss(nn.Module):
    def __init__(self, margin=1.0):
        super().__init__()
        self.distance, self.margin = PairDistance(), margin

    def forward(self, z, label):
        d = self.distance(z)
        same = label[:, None] == label[None, :]
        eye = torch.eye(len(z), dtype=torch.bool)
        pull = torch.where(same & ~eye, d, torch.zeros_like(d))
        push = torch.where(~same, (self.margin - d).clamp(min=0), torch.zeros_like(d))
        return pull.sum() / (same & ~eye).sum() + push.sum() / (~same).sum()


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 24, batch_first=True)
        self.proj = nn.Linear(24, 8)

    def forward(self, x):
        return self.proj(self.gru(x)[1].squeeze(0))


def series(n):
    label = torch.randint(3, (n,))
    t = torch.arange(16)
    freq = torch.tensor([0.3, 0.6, 1.0])[label]
    phase = torch.rand(n, 4, 1) * 6.28
    wave = torch.sin(freq[:, None, None] * t + phase)
    return wave.transpose(1, 2) + 0.1 * torch.randn(n, 16, 4), label


model, criterion = Embedder(), MarginLoss()
optim = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(100):
    x, label = series(32)
    loss = criterion(model(x), label)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 20 == 0:
        norm = torch.stack([p.norm() for p in model.parameters()]).sum()
        print(step, "loss", loss.item(), "weights", norm.item())
