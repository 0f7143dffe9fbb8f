import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
mixed_precision = "fp16"
weight_dtype = {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[mixed_precision]


class Denoiser(nn.Module):
    def __init__(self, dim=16, width=64):
        super().__init__()
        self.time = nn.Linear(1, width)
        self.inp = nn.Linear(dim, width)
        self.mid = nn.Linear(width, width)
        self.out = nn.Linear(width, dim)

    def forward(self, x, t, control=None):
        h = F.silu(self.inp(x) + self.time(t))
        if control is not None:
            h = h + control
        return self.out(F.silu(self.mid(h)))


class ControlBranch(nn.Module):
    def __init__(self, cond_dim=16, width=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(cond_dim, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.zero = nn.Linear(width, width)
        nn.init.zeros_(self.zero.weight)
        nn.init.zeros_(self.zero.bias)

    def forward(self, cond):
        return self.zero(self.net(cond))


basis = torch.randn(16, 16) / 4


def batch(n):
    cond = torch.randn(n, 16)
    x0 = torch.tanh(cond @ basis)
    t = torch.rand(n, 1)
    noise = torch.randn(n, 16)
    return cond, (1 - t) * x0 + t * noise, t, noise - x0


unet = Denoiser()
pre = torch.optim.Adam(unet.parameters(), lr=2e-3)
for _ in range(300):
    _, x, t, target = batch(128)
    loss = F.mse_loss(unet(x, t), target)
    pre.zero_grad()
    loss.backward()
    pre.step()
print(f"pretrained without control {loss.item():.4f}")

unet.requires_grad_(False)
control = ControlBranch()
unet.to(dtype=weight_dtype)
control.to(dtype=weight_dtype)
optimizer = torch.optim.AdamW(control.parameters(), lr=1e-3, weight_decay=1e-2)

for step in range(400):
    cond, x, t, target = batch(128)
    with torch.autocast("cpu", dtype=weight_dtype):
        residual = control(cond.to(weight_dtype))
        pred = unet(x.to(weight_dtype), t.to(weight_dtype), residual)
    loss = F.mse_loss(pred.float(), target)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(control.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    if step % 50 == 0 or step == 399:
        print(f"step {step} loss {loss.item():.4f}")
