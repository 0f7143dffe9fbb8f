import copy

import torch
import torch.nn as nn
import torch.nn.functional as F


def zero_module(module):
    for p in module.parameters():
        p.detach().zero_()
    return module


class ResBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.body = nn.Sequential(nn.GroupNorm(4, c), nn.SiLU(), nn.Conv2d(c, c, 3, padding=1))

    def forward(self, x):
        return x + self.body(x)


class UNet(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.inp = nn.Conv2d(3, c, 3, padding=1)
        self.down = nn.ModuleList([ResBlock(c), ResBlock(c)])
        self.up = nn.ModuleList([ResBlock(c), ResBlock(c)])
        self.out = nn.Conv2d(c, 3, 3, padding=1)

    def forward(self, x, control=None):
        h, skips = self.inp(x), []
        for b in self.down:
            h = b(h)
            skips.append(h)
        for b in self.up:
            s = skips.pop()
            h = b(h + s + (control.pop() if control else 0))
        return self.out(h)


class ControlNet(nn.Module):
    def __init__(self, unet, c=16):
        super().__init__()
        self.inp, self.down = copy.deepcopy(unet.inp), copy.deepcopy(unet.down)
        self.hint = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), nn.SiLU(), zero_module(nn.Conv2d(c, c, 3, padding=1)))
        self.zero_convs = nn.ModuleList(zero_module(nn.Conv2d(c, c, 1)) for _ in self.down)

    def forward(self, x, hint):
        h, outs = self.inp(x) + self.hint(hint), []
        for b, z in zip(self.down, self.zero_convs):
            h = b(h)
            outs.append(z(h))
        return outs


torch.manual_seed(0)
unet = UNet()
control = ControlNet(unet)
unet.requires_grad_(False).eval()
opt = torch.optim.AdamW(control.parameters(), lr=1e-2)
x0, hint = torch.rand(4, 3, 12, 12), (torch.rand(4, 1, 12, 12) > 0.5).float()
for step in range(6):
    noise = torch.randn_like(x0)
    pred = unet(0.7 * x0 + 0.7 * noise, control(0.7 * x0 + 0.7 * noise, hint))
    loss = F.mse_loss(pred, noise)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, loss.item())
