import torch
import torch.nn as nn
import torch.nn.functional as F


class TimeMLP(nn.Module):
    def __init__(self, dim=16, hidden=64):
        super().__init__()
        self.t = nn.Sequential(nn.Linear(1, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.inp = nn.Linear(dim, hidden)
        self.out = nn.Sequential(nn.SiLU(), nn.Linear(hidden, dim))

    def forward(self, x, t):
        return self.out(self.inp(x) + self.t(t[:, None]))


class DiffusionTrainer:
    def __init__(self, unet, fp16=True, lr=0.1, max_norm=1.0):
        self.unet = unet
        self.opt = torch.optim.SGD(unet.parameters(), lr=lr)
        self.scaler = torch.amp.GradScaler("cpu", enabled=fp16)
        self.max_norm = max_norm
        betas = torch.linspace(1e-4, 0.02, 1000)
        self.abar = torch.cumprod(1 - betas, 0)

    def step(self, latents):
        noise = torch.randn_like(latents)
        ts = torch.randint(0, 1000, (len(latents),))
        a = self.abar[ts][:, None]
        noisy = a.sqrt() * latents + (1 - a).sqrt() * noise
        pred = self.unet(noisy, ts.float() / 1000)
        loss = F.mse_loss(pred, noise)
        self.scaler.scale(loss).backward()
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), self.max_norm)
        self.scaler.step(self.opt)
        self.scaler.update()
        self.opt.zero_grad()
        return {"train/loss": loss.detach().item(), "scale": self.scaler.get_scale()}


if __name__ == "__main__":
    torch.manual_seed(1337)
    trainer = DiffusionTrainer(TimeMLP())
    latents = torch.randn(128, 16) * 0.3
    for i in range(6):
        print(i, trainer.step(latents))
