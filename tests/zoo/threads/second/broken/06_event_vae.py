import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(5)


class EventVAE(nn.Module):
    """VAE decoder for inter-event times given the history embedding."""

    def __init__(self, hist_dim=16, latent=4):
        super().__init__()
        self.rnn = nn.GRU(1, hist_dim, batch_first=True)
        self.enc = nn.Sequential(nn.Linear(hist_dim + 1, 32), nn.ReLU())
        self.to_mean = nn.Linear(32, latent)
        self.to_logvar = nn.Linear(32, latent)
        self.dec = nn.Sequential(nn.Linear(hist_dim + latent, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, dt):
        history, _ = self.rnn(F.pad(dt[:, :-1], (0, 0, 1, 0)))
        h = self.enc(torch.cat([history, dt], dim=-1))
        mean, log_var = self.to_mean(h), self.to_logvar(h)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        recon = self.dec(torch.cat([history, z], dim=-1))
        return recon, mean, log_var


def elbo(model, dt, seq_mask, beta=1.0):
    recon, mean, log_var = model(dt)
    rec_loss = F.mse_loss(recon, dt, reduction="none").sum(dim=-1) * seq_mask
    kl_loss = (-0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())) * seq_mask
    loss = (rec_loss + beta * kl_loss).sum() / seq_mask.sum()
    return loss, rec_loss.sum() / seq_mask.sum(), kl_loss.sum() / seq_mask.sum()


lengths = torch.randint(5, 21, (64,))
dt = torch.distributions.Exponential(1.0).sample((64, 20, 1)).log()
mask = (torch.arange(20)[None] < lengths[:, None]).float()

model = EventVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(6):
    optimizer.zero_grad()
    loss, rec, kl = elbo(model, dt, mask)
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f} rec {rec.item():.4f} kl {kl.item():.4f}")
