import copy
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(33)


class EMAModel:
    """Exponential Moving Average of models weights"""

    def __init__(self, parameters, decay=0.995):
        self.shadow_params = [p.clone().detach() for p in parameters]
        self.decay = decay
        self.optimization_step = 0

    def get_decay(self, optimization_step):
        value = (1 + optimization_step) / (10 + optimization_step)
        return 1 - min(self.decay, value)

    @torch.no_grad()
    def step(self, parameters):
        self.optimization_step += 1
        self.decay = self.get_decay(self.optimization_step)
        for s_param, param in zip(self.shadow_params, parameters):
            if param.requires_grad:
                s_param.sub_(self.decay * (s_param - param))
            else:
                s_param.copy_(param)

    def copy_to(self, parameters):
        for s_param, param in zip(self.shadow_params, parameters):
            param.data.copy_(s_param.data)


class UNet(nn.Module):
    def __init__(self, dim=2, hidden=64):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(1, 16), nn.SiLU())
        self.net = nn.Sequential(nn.Linear(dim + 16, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(),
                                 nn.Linear(hidden, dim))

    def forward(self, x, t):
        return self.net(torch.cat([x, self.time(t[:, None] / 50.0)], 1))


betas = torch.linspace(1e-3, 0.2, 50)
alphas_cumprod = torch.cumprod(1 - betas, 0)


def noise_loss(net, x):
    t = torch.randint(0, 50, (len(x),))
    noise = torch.randn_like(x)
    a = alphas_cumprod[t][:, None]
    return F.mse_loss(net(a.sqrt() * x + (1 - a).sqrt() * noise, t.float()), noise)


def data(n):
    theta = torch.rand(n) * 6.2832
    return torch.stack([theta.cos(), theta.sin()], 1) + 0.05 * torch.randn(n, 2)


unet = UNet()
optimizer = torch.optim.AdamW(unet.parameters(), lr=4e-3)
ema_unet = EMAModel(unet.parameters())
eval_net, val = copy.deepcopy(unet), data(2048)
for step in range(301):
    loss = noise_loss(unet, data(16))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
    optimizer.step()
    ema_unet.step(unet.parameters())
    if step % 60 == 0:
        ema_unet.copy_to(eval_net.parameters())
        gap = sum((a - b).pow(2).sum() for a, b in zip(unet.parameters(), eval_net.parameters())).sqrt()
        with torch.no_grad():
            v = noise_loss(eval_net, val).item()
        print("step %d loss %.4f ema val %.4f distance to ema %.4f" % (step, loss.item(), v, gap.item()))
