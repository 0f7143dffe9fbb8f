"""Toy video-latent denoiser with EMA weights used for sampling at validation time."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(12)


class EMAModel:
    def __init__(self, parameters, decay=0.995):
        self.decay = decay
        self.shadow = [p.clone().detach() for p in parameters]
        self.temp_stored = None

    @torch.no_grad()
    def step(self, parameters):
        for s, p in zip(self.shadow, parameters):
            s.sub_((1 - self.decay) * (s - p))

    def copy_to(self, parameters):
        for s, p in zip(self.shadow, parameters):
            p.data.copy_(s.data)

    def store(self, parameters):
        self.temp_stored = [p.detach().clone() for p in parameters]

    def restore(self, parameters):
        for c, p in zip(self.temp_stored, parameters):
            p.data.copy_(c)
        self.temp_stored = None


class Net(nn.Module):
    def __init__(self, c=8, t=4):
        super().__init__()
        self.spatial = nn.Linear(c, 32)
        self.temporal = nn.Conv1d(32, 32, 3, padding=1)
        self.sigma = nn.Linear(1, 32)
        self.out = nn.Linear(32, c)

    def forward(self, x, s):
        h = F.silu(self.spatial(x) + self.sigma(s).unsqueeze(1))
        h = F.silu(self.temporal(h.transpose(1, 2)).transpose(1, 2))
        return self.out(h)


def clip(b=16):
    base = torch.randn(b, 1, 8) * 0.3 + 0.5
    return base + torch.linspace(0, 1, 4).view(1, 4, 1)


def diffusion_loss(model, x):
    s = torch.rand(x.size(0), 1)
    noise = torch.randn_like(x)
    noisy = x + s.unsqueeze(-1) * noise
    return F.mse_loss(model(noisy, s), noise)


def log_validation(model, ema_model, step):
    ema_model.store(model.parameters())
    ema_model.copy_to(model.parameters())
    model.eval()
    with torch.no_grad():
        val = torch.stack([diffusion_loss(model, clip()) for _ in range(4)]).mean()
    model.train()
    print(f"validation @ {step}: {val.item():.4f}")


model = Net()
ema_model = EMAModel(model.parameters())
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(1, 61):
    loss = diffusion_loss(model, clip())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    ema_model.step(model.parameters())
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f}")
        log_validation(model, ema_model, step)
