import torch
from torch import nn

torch.manual_seed(0)


class RMSNorm(nn.Module):
    def __init__(self, dim, eps=1e-8):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        half = x.to(torch.float16)
        scale = torch.rsqrt(half.square().mean(-1, keepdim=True) + self.eps)
        return (half * scale).to(x.dtype) * self.gain


class PointSet(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.norm_in = RMSNorm(3)
        self.lift = nn.Linear(3, dim)
        self.mid = nn.Sequential(nn.GELU(), nn.Linear(dim, dim))
        self.norm = RMSNorm(dim)
        self.out = nn.Linear(dim, 2)

    def forward(self, points, valid):
        h = self.norm(self.mid(self.lift(self.norm_in(points))))
        h = torch.where(valid[..., None], h, 0.0)
        return self.out(h.sum(1) / valid.sum(1, keepdim=True))


def clouds(n, most=10):
    label = torch.randint(2, (n,))
    stretch = torch.where(label[:, None, None] == 1, torch.tensor([3.0, 1, 1]), torch.tensor([1.0, 1, 3]))
    points = torch.randn(n, most, 3) * stretch
    valid = torch.arange(most) < torch.randint(4, most + 1, (n, 1))
    return points * valid[..., None], valid, label


model = PointSet()
optim = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(60):
    points, valid, label = clouds(32)
    loss = nn.functional.cross_entropy(model(points, valid), label)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 10 == 0:
        bad = [n for n, p in model.named_parameters() if not p.isfinite().all()]
        print(step, "loss", loss.item(), "not finite:", len(bad))
