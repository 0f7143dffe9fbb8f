import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

torch.manual_seed(0)


class ConvVAE(nn.Module):
    def __init__(self, latent=3):
        super().__init__()
        self.enc = nn.Sequential(
            nn.Conv2d(1, 12, 4, 2, 1), nn.SiLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.SiLU(), nn.Flatten(),
            nn.Linear(24 * 9, 2 * latent))
        self.dec = nn.Sequential(
            nn.Linear(latent, 24 * 9), nn.SiLU(), nn.Unflatten(1, (24, 3, 3)),
            nn.ConvTranspose2d(24, 12, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(12, 1, 4, 2, 1))

    def posterior(self, x):
        mean, raw = self.enc(x).chunk(2, dim=1)
        return Normal(mean, nn.functional.softplus(raw) + 1e-3)

    def forward(self, x):
        q = self.posterior(x)
        return self.dec(q.rsample()), q


def reconstruction(logits, x):
    return nn.functional.binary_cross_entropy_with_logits(logits, x)


def regulariser(q):
    return kl_divergence(q, Normal(torch.zeros_like(q.loc), torch.ones_like(q.scale))).sum()


def bars(n, size=12):
    x = torch.zeros(n, 1, size, size)
    col = torch.randint(size - 2, (n,))
    row = torch.randint(size - 2, (n,))
    for i in range(n):
        x[i, 0, :, col[i]:col[i] + 3] = 1
        x[i, 0, row[i]:row[i] + 3] = 0
    return x


model = ConvVAE()
optim = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(120):
    x = bars(32)
    logits, q = model(x)
    terms = {"recon": reconstruction(logits, x), "kl": regulariser(q)}
    optim.zero_grad()
    sum(terms.values()).backward()
    optim.step()
    if step % 20 == 0:
        print(step, {k: round(v.item(), 4) for k, v in terms.items()}, "spread of means", round(q.loc.std(0).mean().item(), 4))
