import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def parse_args():
    p = argparse.ArgumentParser()
    p.add_argument("--steps", type=int, default=400)
    p.add_argument("--batch_size", type=int, default=128)
    p.add_argument("--lr", type=float, default=0.05)
    p.add_argument("--grad_accum", type=int, default=2)
    p.add_argument("--clip_grad_norm", type=float, default=1.0)
    p.add_argument("--amp", action="store_true", default=True)
    p.add_argument("--seed", type=int, default=555)
    return p.parse_args()


class TimeEmbed(nn.Module):
    def __init__(self, dim):
        super().__init__()
        freqs = torch.exp(-math.log(1000.0) * torch.arange(dim // 2) / (dim // 2))
        self.register_buffer("freqs", freqs)

    def forward(self, t):
        a = t[:, None].float() * self.freqs
        return torch.cat([a.sin(), a.cos()], -1)


class Denoiser(nn.Module):
    def __init__(self, dim=16, width=128):
        super().__init__()
        self.time = TimeEmbed(32)
        self.inp = nn.Linear(dim + 32, width)
        self.mid = nn.ModuleList([nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU())
                                  for _ in range(2)])
        self.out = nn.Linear(width, dim)

    def forward(self, x, t):
        h = F.silu(self.inp(torch.cat([x, self.time(t)], -1)))
        for m in self.mid:
            h = h + m(h)
        return self.out(h)


class EveryStepOptimizer:
    """Owns the scaler and does backward / clip / step for the trainer."""

    def __init__(self, args, params):
        self.params = list(params)
        self.optimizer = torch.optim.SGD(self.params, lr=args.lr, momentum=0.9)
        self.scaler = torch.amp.GradScaler("cpu", enabled=args.amp, init_scale=2.0 ** 17)
        self.clip_grad_norm = args.clip_grad_norm
        self.grad_accum = args.grad_accum

    def backward(self, loss, step):
        self.scaler.scale(loss / self.grad_accum).backward()
        if (step + 1) % self.grad_accum == 0:
            if self.clip_grad_norm is not None:
                torch.nn.utils.clip_grad_norm_(self.params, max_norm=self.clip_grad_norm)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.optimizer.zero_grad(set_to_none=True)


def main():
    args = parse_args()
    torch.manual_seed(args.seed)
    mix = torch.randn(4, 16)
    betas = torch.linspace(1e-4, 0.05, 100)
    alpha_bar = torch.cumprod(1 - betas, 0)

    model = Denoiser()
    ed_opt = EveryStepOptimizer(args, model.parameters())
    running = None
    for step in range(args.steps):
        x0 = torch.tanh(torch.randn(args.batch_size, 4) @ mix)
        t = torch.randint(0, 100, (args.batch_size,))
        noise = torch.randn_like(x0)
        ab = alpha_bar[t][:, None]
        xt = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.amp):
            pred = model(xt, t)
        loss = F.mse_loss(pred.float(), noise)
        ed_opt.backward(loss, step)
        running = loss.item() if running is None else 0.95 * running + 0.05 * loss.item()
        if step % 50 == 0 or step == args.steps - 1:
            print(f"step {step} loss {running:.4f} scale {ed_opt.scaler.get_scale():.0f}")


if __name__ == "__main__":
    main()
