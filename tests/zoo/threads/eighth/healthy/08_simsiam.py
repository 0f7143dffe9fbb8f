import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
N_CLASS = 8
shape_code = torch.randn(N_CLASS, 10)


def sample(n):
    y = torch.randint(0, N_CLASS, (n,))
    return shape_code[y] + 0.35 * torch.randn(n, 10), y


def view(x):
    clutter = torch.randn(len(x), 20) * 1.2
    return torch.cat([x + 0.25 * torch.randn_like(x), clutter], dim=1)


class SimSiam(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(30, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Linear(64, dim, bias=False), nn.BatchNorm1d(dim, affine=False),
        )
        self.predictor = nn.Sequential(
            nn.Linear(dim, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, dim),
        )

    def forward(self, x1, x2):
        z1, z2 = self.encoder(x1), self.encoder(x2)
        return self.predictor(z1), self.predictor(z2), z1.detach(), z2.detach()


model = SimSiam()
criterion = nn.CosineSimilarity(dim=1)
optimizer = torch.optim.SGD(
    [
        {"params": model.encoder.parameters(), "fix_lr": False},
        {"params": model.predictor.parameters(), "fix_lr": True},
    ],
    lr=0.1, momentum=0.9, weight_decay=1e-4,
)
x_bank, y_bank = sample(2000)
x_test, y_test = sample(600)
TOTAL = 500


def evaluate():
    model.eval()
    with torch.no_grad():
        a = F.normalize(model.encoder(view(x_bank)), dim=1)
        b = F.normalize(model.encoder(view(x_test)), dim=1)
    model.train()
    acc = (y_bank[(b @ a.t()).topk(9, dim=1).indices].mode(dim=1).values == y_test).float().mean().item()
    return acc, a.std(dim=0).mean().item()


print("start knn %.3f std %.3f" % evaluate())
for step in range(TOTAL):
    lr = 0.05 * (1 + torch.cos(torch.tensor(3.14159 * step / TOTAL)).item())
    for group in optimizer.param_groups:
        group["lr"] = 0.1 if group["fix_lr"] else lr
    x = x_bank[torch.randint(0, 2000, (128,))]
    p1, p2, z1, z2 = model(view(x), view(x))
    loss = -(criterion(p1, z2).mean() + criterion(p2, z1).mean()) * 0.5
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(f"step {step + 1} loss {loss.item():.4f} knn %.3f std %.3f" % evaluate())
