import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class SequenceVAE(nn.Module):
    def __init__(self, features=3, hidden=32, latent=4):
        super().__init__()
        self.enc = nn.GRU(features, hidden, batch_first=True)
        self.stats = nn.Linear(hidden, 2 * latent)
        self.start = nn.Linear(latent, hidden)
        self.dec = nn.GRU(features, hidden, batch_first=True)
        self.out = nn.Linear(hidden, features)

    def forward(self, x):
        mean, logvar = self.stats(self.enc(x)[1][0]).chunk(2, dim=-1)
        z = torch.addcmul(mean, torch.exp(0.5 * logvar), torch.randn_like(mean))
        state = torch.tanh(self.start(z)).unsqueeze(0)
        h, _ = self.dec(torch.zeros_like(x), state)
        return {"recon": self.out(h), "mean": mean, "logvar": logvar}


class Objective(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights = weights

    def compute(self, out, x):
        kld = -0.5 * (1 + out["logvar"] - out["mean"].square() - out["logvar"].exp()).sum(-1).mean()
        jerk = out["recon"].diff(n=2, dim=1).square().mean()
        return {
            "recon": F.mse_loss(out["recon"], x, reduction="none").sum((1, 2)).mean(),
            "kld": kld,
            "jerk": jerk,
        }

    def forward(self, out, x):
        terms = self.compute(out, x)
        total = sum(self.weights.get(name, 0.0) * value for name, value in terms.items())
        return total, {name: value.item() for name, value in terms.items()}


def waves(n, length=12):
    t = torch.arange(length)
    f = 0.2 + 0.5 * torch.rand(n, 1, 1)
    p = 6.28 * torch.rand(n, 1, 1)
    return torch.sin(f * t[:, None] + p + torch.arange(3))


model = SequenceVAE()
objective = Objective({"recon": 1.0, "kl": 1.0, "jerk": 0.1})
optim = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(120):
    x = waves(32)
    total, log = objective(model(x), x)
    optim.zero_grad()
    total.backward()
    optim.step()
    if step % 20 == 0:
        print(step, {k: round(v, 3) for k, v in log.items()})
