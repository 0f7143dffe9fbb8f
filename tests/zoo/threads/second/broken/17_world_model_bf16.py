import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(16)


class CDiT(nn.Module):
    def __init__(self, latent=12, act=3, hidden=64):
        super().__init__()
        self.cond = nn.Linear(act + 1, hidden)
        self.inp = nn.Linear(latent * 2, hidden)
        self.mid = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, latent)

    def forward(self, x_t, t, context, action):
        c = self.cond(torch.cat([action, t], dim=1))
        h = F.silu(self.inp(torch.cat([x_t, context], dim=1)) + c)
        return self.out(F.silu(self.mid(h)))


def diffusion_loss(model, x, context, action):
    t = torch.rand(x.size(0), 1)
    noise = torch.randn_like(x)
    x_t = torch.cos(t * 1.57) * x + torch.sin(t * 1.57) * noise
    return F.mse_loss(model(x_t, t, context, action).float(), noise)


bfloat_enable = True
grad_clip_val = 10.0
model = CDiT()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0)


def train_step(x, context, action):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat_enable):
        loss = diffusion_loss(model, x, context, action)
    if not bfloat_enable:
        opt.zero_grad()
        loss.backward()
        opt.step()
    else:
        loss.backward()
        if grad_clip_val > 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip_val)
        opt.step()
    return loss.item()


context = torch.randn(128, 12)
action = torch.randn(128, 3)
future = context + torch.tanh(action @ torch.randn(3, 12))
for step in range(6):
    idx = torch.randperm(128)[:64]
    loss = train_step(future[idx], context[idx], action[idx])
    print(f"(step={step:04d}) train loss {loss:.4f}")
