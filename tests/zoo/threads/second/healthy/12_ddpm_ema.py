import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(11)
T = 50
betas = torch.linspace(1e-4, 0.05, T)
alphas_bar = torch.cumprod(1.0 - betas, dim=0)


class Denoiser(nn.Module):
    def __init__(self, dim=2, hidden=64, n_classes=3):
        super().__init__()
        self.time = nn.Embedding(T, hidden)
        self.label = nn.Embedding(n_classes + 1, hidden)
        self.inp = nn.Linear(dim, hidden)
        self.mid = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, dim)

    def forward(self, x, t, c):
        h = F.silu(self.inp(x) + self.time(t) + self.label(c))
        return self.out(F.silu(self.mid(h)))


def q_sample(x0, t, noise):
    ab = alphas_bar[t].unsqueeze(1)
    return ab.sqrt() * x0 + (1 - ab).sqrt() * noise


@torch.no_grad()
def p_sample(model, n, label, w=1.0):
    x = torch.randn(n, 2)
    c, null = torch.full((n,), label), torch.full((n,), 3)
    for i in reversed(range(T)):
        t = torch.full((n,), i)
        eps = (1 + w) * model(x, t, c) - w * model(x, t, null)
        mean = (x - betas[i] / (1 - alphas_bar[i]).sqrt() * eps) / (1 - betas[i]).sqrt()
        x = mean + (betas[i].sqrt() * torch.randn_like(x) if i > 0 else 0)
    return x


labels = torch.randint(0, 3, (256,))
x0 = torch.tensor([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])[labels] + 0.2 * torch.randn(256, 2)

model = Denoiser()
ema = copy.deepcopy(model).eval().requires_grad_(False)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for step in range(6):
    t = torch.randint(0, T, (256,))
    noise = torch.randn_like(x0)
    c = torch.where(torch.rand(256) < 0.15, torch.full_like(labels, 3), labels)
    loss = F.mse_loss(model(q_sample(x0, t, noise), t, c), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for pe, p in zip(ema.parameters(), model.parameters()):
            pe.lerp_(p, 0.1)
    print(f"step {step} loss {loss.item():.4f}")
print("sample mean", [round(v, 3) for v in p_sample(ema, 16, 0).mean(0).tolist()])
