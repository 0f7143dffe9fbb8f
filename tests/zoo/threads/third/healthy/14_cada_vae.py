# two-modality VAE with warmup schedules: KL weight and cross/distribution alignment start at zero
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(13)
warmup = {"beta": {"start": 0, "end": 6, "factor": 0.05},
          "cross": {"start": 2, "end": 6, "factor": 0.5},
          "dist": {"start": 1, "end": 4, "factor": 0.6}}


def weight(name, epoch):
    w = warmup[name]
    if epoch <= w["start"]:
        return 0.0
    return w["factor"] * min(1.0, (epoch - w["start"]) / (w["end"] - w["start"]))


class Enc(nn.Module):
    def __init__(self, d, z=4):
        super().__init__()
        self.h, self.mu, self.logvar = nn.Linear(d, 24), nn.Linear(24, z), nn.Linear(24, z)

    def forward(self, x):
        h = F.relu(self.h(x))
        return self.mu(h), self.logvar(h)


class CADA(nn.Module):
    def __init__(self, dims):
        super().__init__()
        self.enc = nn.ModuleDict({k: Enc(d) for k, d in dims.items()})
        self.dec = nn.ModuleDict({k: nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, d))
                                  for k, d in dims.items()})
        self.aux_align = nn.Linear(4, 4)

    def reparameterize(self, mu, logvar, noise=True):
        return mu + torch.randn_like(mu) * (0.5 * logvar).exp() if noise else mu

    def forward(self, batch, epoch):
        stats = {k: self.enc[k](x) for k, x in batch.items()}
        z = {k: self.reparameterize(*s, noise=epoch > 0) for k, s in stats.items()}
        rec = sum(F.l1_loss(self.dec[k](z[k]), x) for k, x in batch.items())
        kl = sum(-0.5 * (1 + lv - m ** 2 - lv.exp()).sum(1).mean() for m, lv in stats.values())
        a, b = list(batch)
        cross = F.l1_loss(self.dec[a](z[b]), batch[a]) + F.l1_loss(self.dec[b](z[a]), batch[b])
        dist = ((self.aux_align(stats[a][0]) - stats[b][0]) ** 2).sum(1).mean()
        return rec + weight("beta", epoch) * kl + weight("cross", epoch) * cross + weight("dist", epoch) * dist, rec, kl


def paired(n=48):
    s = torch.randn(n, 4)
    return {"img": torch.tanh(s @ A), "att": torch.sigmoid(s @ B)}


A, B = torch.randn(4, 20), torch.randn(4, 8)
model = CADA({"img": 20, "att": 8})
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, amsgrad=True)
for epoch in range(8):
    for _ in range(6):
        loss, rec, kl = model(paired(), epoch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f} rec {rec.item():.4f} kl {kl.item():.3f} beta {weight('beta', epoch):.4f}")
