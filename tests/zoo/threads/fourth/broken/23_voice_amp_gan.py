import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.amp import GradScaler, autocast

torch.manual_seed(27)


class Synthesizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.pre = nn.Conv1d(4, 16, 3, padding=1)
        self.ups = nn.ConvTranspose1d(16, 8, 4, stride=2, padding=1)
        self.post = nn.Conv1d(8, 1, 7, padding=3)

    def forward(self, x):
        return torch.tanh(self.post(F.leaky_relu(self.ups(F.leaky_relu(self.pre(x), 0.1)), 0.1)))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv1d(1, 8, 5, 2, 2), nn.Conv1d(8, 16, 5, 2, 2)])
        self.post = nn.Conv1d(16, 1, 3, padding=1)

    def forward(self, x):
        fmap = []
        for c in self.convs:
            x = F.leaky_relu(c(x), 0.1)
            fmap.append(x)
        return self.post(x).flatten(1), fmap


def feature_loss(fr, fg):
    return 2 * sum((a.float().detach() - b.float()).abs().mean() for a, b in zip(fr, fg))


basis = torch.randn(4, 32)


def batch(n=16):
    code = torch.randn(n, 4)
    wave = torch.tanh(code @ basis).unsqueeze(1)
    return code[:, :, None].expand(-1, -1, 16) + 0.01 * torch.randn(n, 4, 16), wave


net_g, net_d = Synthesizer(), Discriminator()
optim_g = torch.optim.AdamW(net_g.parameters(), 1e-3, betas=(0.8, 0.99))
optim_d = torch.optim.AdamW(net_d.parameters(), 1e-3, betas=(0.8, 0.99))
scaler = GradScaler("cpu", init_scale=1024.0)

for step in range(101):
    phone, wave = batch()
    with autocast("cpu", dtype=torch.bfloat16):
        y_hat = net_g(phone)
        d_r, _ = net_d(wave)
        d_g, _ = net_d(y_hat.detach())
    loss_disc = ((1 - d_r.float()) ** 2).mean() + (d_g.float() ** 2).mean()
    optim_d.zero_grad()
    scaler.scale(loss_disc).backward()
    scaler.unscale_(optim_d)
    grad_norm_d = torch.nn.utils.clip_grad_norm_(net_d.parameters(), 1000.0)
    scaler.step(optim_d)

    with autocast("cpu", dtype=torch.bfloat16):
        _, fmap_r = net_d(wave)
        d_g, fmap_g = net_d(y_hat)
    loss_mel = F.l1_loss(y_hat.float(), wave) * 5
    loss_gen_all = ((1 - d_g.float()) ** 2).mean() + feature_loss(fmap_r, fmap_g) + loss_mel
    optim_g.zero_grad()
    scaler.scale(loss_gen_all).backward()
    scaler.unscale_(optim_g)
    grad_norm_g = torch.nn.utils.clip_grad_norm_(net_g.parameters(), 1000.0)
    scaler.step(optim_g)
    scaler.update()

    optim_g.step()
    optim_d.step()
    if step % 20 == 0:
        print("step %d loss_disc %.4f loss_gen %.4f loss_mel %.4f" % (
            step, loss_disc.item(), loss_gen_all.item(), loss_mel.item()))
