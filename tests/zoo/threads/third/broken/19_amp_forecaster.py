# load forecasting transformer-ish model, mixed precision
import torch
import torch.nn as nn
from torch.amp import GradScaler, autocast

torch.manual_seed(6)
CTX, HOR, D = 24, 6, 32


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(1, D)
        self.pos = nn.Parameter(torch.randn(CTX, D) * 0.02)
        self.block = nn.TransformerEncoderLayer(D, 4, 64, dropout=0.0, batch_first=True)
        self.out = nn.Linear(D, HOR)

    def forward(self, x):
        h = self.block(self.inp(x.unsqueeze(-1)) + self.pos)
        return self.out(h.mean(1))


class Module:
    """Lightning flavoured wrapper without the dependency."""

    def __init__(self, net, lr, gradient_clip_val=1.0):
        self.net = net
        self.clip = gradient_clip_val
        self.optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
        self.scaler = GradScaler("cpu", init_scale=2.0 ** 16)

    def training_step(self, batch):
        x, y = batch
        with autocast("cpu", dtype=torch.bfloat16):
            pred = self.net(x)
        return nn.functional.mse_loss(pred.float(), y)

    def optimize(self, batch):
        loss = self.training_step(batch)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.item()


def load_curve(b=32):
    t0 = torch.rand(b, 1) * 24
    t = t0 + torch.arange(CTX + HOR)
    y = torch.sin(t / 24 * 6.283) + 0.5 + 0.05 * torch.randn(b, CTX + HOR)
    return y[:, :CTX], y[:, CTX:]


lit = Module(Forecaster(), lr=0.05)
hist = []
for step in range(40):
    hist.append(lit.optimize(load_curve()))
    if step % 10 == 9:
        print(f"step {step + 1} mse {sum(hist[-10:]) / 10:.4f} scale {lit.scaler.get_scale():.0f}")
