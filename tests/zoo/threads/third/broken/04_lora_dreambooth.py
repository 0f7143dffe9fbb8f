# dreambooth-like fine tuning of a toy denoiser with LoRA matrices injected in the linear layers
import math
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(42)


class LoraLinear(nn.Module):
    def __init__(self, base, r=4, scale=1.0):
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, r, bias=False)
        self.up = nn.Linear(r, base.out_features, bias=False)
        self.scale = scale
        nn.init.normal_(self.down.weight, std=1 / r)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.base(x) + self.scale * self.up(self.down(x))


class Denoiser(nn.Module):
    def __init__(self, d=16, h=48):
        super().__init__()
        self.time = nn.Linear(8, h)
        self.inp = nn.Linear(d, h)
        self.mid = nn.Linear(h, h)
        self.out = nn.Linear(h, d)

    def forward(self, x, t):
        freqs = torch.exp(-math.log(1000) * torch.arange(4) / 4)
        e = t.float()[:, None] * freqs
        e = self.time(torch.cat([e.sin(), e.cos()], -1))
        h = F.silu(self.inp(x) + e)
        return self.out(F.silu(self.mid(h)))


def inject_trainable_lora(unet, names=("inp", "mid", "out"), r=4):
    params = []
    for n in names:
        wrapped = LoraLinear(getattr(unet, n), r)
        setattr(unet, n, wrapped)
        params += list(wrapped.up.parameters()) + list(wrapped.down.parameters())
    return params


unet = Denoiser()
unet.requires_grad_(False)
lora_params = inject_trainable_lora(unet)
optimizer = torch.optim.AdamW(lora_params, lr=5e-3, weight_decay=1e-2)
lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 5))
betas = torch.linspace(1e-4, 2e-2, 100)
alphas = torch.cumprod(1 - betas, 0)
instance = torch.randn(16) * 0.5

for global_step in range(24):
    latents = instance + 0.05 * torch.randn(32, 16)
    noise = torch.randn_like(latents)
    t = torch.randint(0, 100, (32,))
    a = alphas[t][:, None]
    noisy = a.sqrt() * latents + (1 - a).sqrt() * noise
    model_pred = unet(noisy, t)
    loss = F.mse_loss(model_pred.float(), noise.float())

    loss.backward()
    torch.nn.utils.clip_grad_norm_(lora_params, 1.0)
    optimizer.zero_grad()
    optimizer.step()
    lr_scheduler.step()
    if global_step % 6 == 0:
        print({"step": global_step, "loss": round(loss.item(), 4), "lr": lr_scheduler.get_last_lr()[0]})

print("lora norm", sum(p.norm().item() for p in lora_params))
