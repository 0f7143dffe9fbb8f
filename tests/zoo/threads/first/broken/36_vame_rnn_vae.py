import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import StepLR

CONFIG = {
    "max_epochs": 6,
    "batch_size": 16,
    "zdims": 6,
    "hidden": 24,
    "learning_rate": 5e-3,
    "scheduler": 0,
    "scheduler_step_size": 2,
    "kl_start": 1,
    "annealtime": 4,
}


class RNN_VAE(nn.Module):
    def __init__(self, n_features, zdims, hidden):
        super().__init__()
        self.encoder = nn.GRU(n_features, hidden, batch_first=True, bidirectional=True)
        self.mean, self.logvar = nn.Linear(2 * hidden, zdims), nn.Linear(2 * hidden, zdims)
        self.decoder = nn.GRU(zdims, hidden, batch_first=True)
        self.out = nn.Linear(hidden, n_features)

    def forward(self, seq):
        _, h = self.encoder(seq)
        h = torch.cat([h[0], h[1]], 1)
        mu, logvar = self.mean(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        rec, _ = self.decoder(z.unsqueeze(1).expand(-1, seq.size(1), -1))
        return self.out(rec), mu, logvar


def kl_annealing(epoch, kl_start, annealtime):
    return 0.0 if epoch < kl_start else min(1.0, (epoch - kl_start + 1) / annealtime)


def train_model(cfg, data):
    model = RNN_VAE(data.size(-1), cfg["zdims"], cfg["hidden"])
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg["learning_rate"], amsgrad=True)
    if cfg["scheduler"]:
        scheduler = StepLR(optimizer, step_size=cfg["scheduler_step_size"], gamma=0.2, last_epoch=-1)
    else:
        scheduler = StepLR(optimizer, step_size=cfg["scheduler_step_size"], gamma=0, last_epoch=-1)
    for epoch in range(cfg["max_epochs"]):
        beta, total = kl_annealing(epoch, cfg["kl_start"], cfg["annealtime"]), 0.0
        for seq in data.split(cfg["batch_size"]):
            rec, mu, logvar = model(seq)
            kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
            loss = F.mse_loss(rec, seq, reduction="sum") / len(seq) + beta * 0.1 * kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step()
        print(f"Epoch {epoch} train loss {total:.3f}")
    return model


torch.manual_seed(0)
t = torch.linspace(0, 6, 20)
data = torch.stack([torch.sin(t[:, None] * (1 + torch.rand(4)) + torch.rand(4)) for _ in range(32)])
train_model(CONFIG, data)
