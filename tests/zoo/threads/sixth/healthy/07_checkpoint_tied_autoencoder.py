"""Masked time-series autoencoder: shared transformer block, activation checkpointing, tied in/out projection."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(6)
T, C, D = 24, 3, 32


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.attn = nn.MultiheadAttention(D, 4, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(D, 2 * D), nn.GELU(), nn.Linear(2 * D, D))

    def forward(self, x):
        h = self.n1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.ff(self.n2(x))


class MaskedAutoencoder(nn.Module):
    """One block applied several times; the output projection reuses the input weight."""

    def __init__(self, repeats=2):
        super().__init__()
        self.repeats = repeats
        self.weight = nn.Parameter(0.3 * torch.randn(D, C))
        self.in_bias = nn.Parameter(torch.zeros(D))
        self.out_bias = nn.Parameter(torch.zeros(C))
        self.mask_token = nn.Parameter(torch.zeros(D))
        pos = torch.arange(T).float()[:, None] * torch.exp(-math.log(100.0) * torch.arange(0, D, 2) / D)
        self.register_buffer("pos", torch.cat([pos.sin(), pos.cos()], 1))
        self.block = Block()
        self.norm = nn.LayerNorm(D)

    def forward(self, x, mask):
        h = F.linear(x, self.weight, self.in_bias)
        h = torch.where(mask.unsqueeze(-1), self.mask_token, h) + self.pos
        for _ in range(self.repeats):
            if self.training:
                h = checkpoint(self.block, h, use_reentrant=False)
            else:
                h = self.block(h)
        return F.linear(self.norm(h), self.weight.t(), self.out_bias)


def series(n):
    t = torch.arange(T).float()
    f = 0.2 + 0.3 * torch.rand(n, 1)
    p = 6.28 * torch.rand(n, 1)
    x = torch.stack([torch.sin(f * t + p), torch.cos(f * t + p), torch.sin(2 * f * t + p)], -1)
    return x + 0.05 * torch.randn_like(x)


def masked_mse(pred, target, mask):
    err = (pred - target).pow(2).mean(-1)
    return (err * mask).sum() / mask.sum().clamp(min=1)


def main():
    model = MaskedAutoencoder()
    decay = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}], lr=3e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=151)
    for step in range(151):
        model.train()
        x, mask = series(32), torch.rand(32, T) < 0.3
        loss = masked_mse(model(x, mask), x, mask)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        if step % 30 == 0:
            model.eval()
            with torch.no_grad():
                x, mask = series(128), torch.rand(128, T) < 0.3
                val = masked_mse(model(x, mask), x, mask)
            print(f"step {step:3d} loss {loss.item():.4f} val {val.item():.4f}")


if __name__ == "__main__":
    main()
