import copy

import torch
import torch.nn as nn


class ModelEma:
    def __init__(self, model, decay=0.9, warmup=2):
        self.module = copy.deepcopy(model).eval()
        for p in self.module.parameters():
            p.requires_grad_(False)
        self.decay, self.warmup, self.updates = decay, warmup, 0

    @torch.no_grad()
    def update(self, model):
        self.updates += 1
        d = 0.0 if self.updates <= self.warmup else self.decay
        for ema_v, v in zip(self.module.state_dict().values(), model.state_dict().values()):
            if ema_v.dtype.is_floating_point:
                ema_v.mul_(d).add_(v.detach(), alpha=1 - d)
            else:
                ema_v.copy_(v)


class Trainer:
    def __init__(self, model, steps, max_norm=1.0):
        self.model = model
        self.ema = ModelEma(model)
        self.opt = torch.optim.AdamW(model.parameters(), lr=1e-2)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0 ** 12, growth_interval=3)
        self.sched = torch.optim.lr_scheduler.CosineAnnealingLR(self.opt, T_max=steps)
        self.max_norm = max_norm

    def train_step(self, x, y):
        self.model.train()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = self.model(x)
        loss = nn.functional.cross_entropy(out.float(), y)
        self.opt.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.opt)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)
        self.scaler.step(self.opt)
        self.scaler.update()
        self.sched.step()
        self.ema.update(self.model)
        return loss.item(), norm.item()

    @torch.no_grad()
    def evaluate(self, x, y):
        return nn.functional.cross_entropy(self.ema.module(x), y).item()


if __name__ == "__main__":
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(12, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 3))
    x = torch.randn(96, 12)
    y = x[:, :3].argmax(1)
    trainer = Trainer(net, steps=6)
    for i in range(6):
        loss, norm = trainer.train_step(x, y)
        print(f"{i} loss {loss:.4f} norm {norm:.3f} ema {trainer.evaluate(x, y):.4f}")
