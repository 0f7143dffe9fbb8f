import contextlib
import copy
import os
import tempfile
import torch
from torch import nn

torch.manual_seed(0)


class Average:
    def __init__(self, model, decay):
        self.shadow = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.decay = decay

    @torch.no_grad()
    def update(self, model):
        for k, v in model.state_dict().items():
            if v.is_floating_point():
                self.shadow[k].mul_(self.decay).add_(v, alpha=1 - self.decay)
            else:
                self.shadow[k].copy_(v)

    @contextlib.contextmanager
    def swapped_into(self, model):
        kept = copy.deepcopy(model.state_dict())
        model.load_state_dict(self.shadow)
        try:
            yield model
        finally:
            model.load_state_dict(kept)


class Session:
    def __init__(self, path):
        self.path = path
        self.model = nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 1))
        self.optim = torch.optim.AdamW(self.model.parameters(), lr=1e-2)
        self.sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.optim, T_max=240)
        self.scaler = torch.amp.GradScaler("cpu", enabled=False)
        self.average = Average(self.model, 0.95)
        self.step = 0
        if os.path.exists(path):
            blob = torch.load(path)
            for name in ("model", "optim", "sched", "scaler"):
                getattr(self, name).load_state_dict(blob[name])
            self.average.shadow, self.step = blob["shadow"], blob["step"]

    def save(self):
        blob = {name: getattr(self, name).state_dict() for name in ("model", "optim", "sched", "scaler")}
        torch.save({**blob, "shadow": self.average.shadow, "step": self.step}, self.path)

    def run(self, until, parts=3):
        self.model.train()
        while self.step < until:
            self.optim.zero_grad()
            total = 0.0
            for x, y in (batch() for _ in range(parts)):
                loss = nn.functional.mse_loss(self.model(x), y) / parts
                self.scaler.scale(loss).backward()
                total += loss.item()
            self.scaler.unscale_(self.optim)
            nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
            self.scaler.step(self.optim)
            self.scaler.update()
            self.sched.step()
            self.average.update(self.model)
            self.step += 1
        print(f"step {self.step} loss {total:.4f} lr {self.sched.get_last_lr()[0]:.2e} averaged {self.validate():.4f}")
        self.save()

    @torch.no_grad()
    def validate(self):
        with self.average.swapped_into(self.model) as model:
            model.eval()
            x, y = batch(1000)
            value = nn.functional.mse_loss(model(x), y).item()
            model.train()
        return value


def batch(n=32):
    x = torch.randn(n, 6)
    return x, x[:, :1] * x[:, 1:2] + x[:, 2:3]


with tempfile.TemporaryDirectory() as folder:
    for until in (80, 160, 240):
        Session(os.path.join(folder, "last.pt")).run(until)
