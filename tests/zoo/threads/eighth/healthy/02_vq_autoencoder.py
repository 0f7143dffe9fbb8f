import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
N_CODES, D, IN = 24, 8, 20
modes = torch.randn(16, IN) * 1.5


def sample(n):
    return modes[torch.randint(0, 16, (n,))] + 0.15 * torch.randn(n, IN)


class VectorQuantizerEMA(nn.Module):
    def __init__(self, decay=0.95, beta=0.25):
        super().__init__()
        self.decay, self.beta = decay, beta
        embed = torch.randn(N_CODES, D)
        self.register_buffer("embed", embed)
        self.register_buffer("cluster_size", torch.ones(N_CODES))
        self.register_buffer("embed_avg", embed.clone())

    def forward(self, z):
        dist = torch.cdist(z.detach(), self.embed)
        idx = dist.argmin(dim=1)
        q = self.embed[idx]
        if self.training:
            with torch.no_grad():
                onehot = F.one_hot(idx, N_CODES).float()
                self.cluster_size.mul_(self.decay).add_(onehot.sum(0), alpha=1 - self.decay)
                self.embed_avg.mul_(self.decay).add_(onehot.t() @ z, alpha=1 - self.decay)
                self.embed.copy_(self.embed_avg / self.cluster_size.clamp_min(1e-3).unsqueeze(1))
                dead = self.cluster_size < 0.05
                if dead.any():
                    pick = torch.randint(0, len(z), (int(dead.sum()),))
                    self.embed[dead] = z[pick]
                    self.embed_avg[dead] = z[pick]
                    self.cluster_size[dead] = 1.0
        commit = self.beta * F.mse_loss(z, q.detach())
        return z + (q - z).detach(), commit, idx


class VQAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(IN, 64), nn.ReLU(), nn.Linear(64, D))
        self.vq = VectorQuantizerEMA()
        self.dec = nn.Sequential(nn.Linear(D, 64), nn.ReLU(), nn.Linear(64, IN))

    def forward(self, x):
        q, commit, idx = self.vq(self.enc(x))
        return self.dec(q), commit, idx


model = VQAutoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(900):
    x = sample(128)
    recon, commit, idx = model(x)
    r = F.mse_loss(recon, x)
    loss = r + commit
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 150 == 149:
        print(f"step {step + 1} recon {r.item():.4f} commit {commit.item():.4f} codes {idx.unique().numel()}")

model.eval()
with torch.no_grad():
    x = sample(500)
    print(f"test recon {F.mse_loss(model(x)[0], x).item():.4f} data variance {x.var().item():.3f}")
