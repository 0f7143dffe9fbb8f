import io
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class TrainConfig:
    epochs: int = 8
    batch: int = 32
    lr0: float = 0.02
    momentum: float = 0.9
    seed: int = 0


class TinyDetector(nn.Module):
    def __init__(self, n_cls=3):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten())
        self.box = nn.Linear(256, 4)
        self.cls = nn.Linear(256, n_cls)

    def forward(self, x):
        f = self.backbone(x)
        return self.box(f), self.cls(f)


def make_scene(n):
    img = torch.randn(n, 1, 16, 16) * 0.1
    cls = torch.randint(0, 3, (n,))
    xy, wh = torch.randint(0, 8, (n, 2)), torch.randint(3, 8, (n, 2))
    for i in range(n):
        (x, y), (w, h) = xy[i].tolist(), wh[i].tolist()
        img[i, 0, y:y + h, x:x + w] += 0.5 + 0.5 * cls[i]
    return img, torch.cat([xy, wh], 1).float() / 16, cls


class BaseTrainer:
    def __init__(self, cfg, model, data):
        self.cfg, self.model, self.data = cfg, model, data
        self.optimizer = None
        self.start_epoch = 0

    def setup(self):
        decay = [p for p in self.model.parameters() if p.dim() > 1]
        other = [p for p in self.model.parameters() if p.dim() <= 1]
        self.optimizer = torch.optim.SGD(
            [{"params": decay, "weight_decay": 5e-4}, {"params": other, "weight_decay": 0.0}],
            lr=self.cfg.lr0, momentum=self.cfg.momentum, nesterov=True)

    def resume(self, ckpt):
        ckpt.seek(0)
        state = torch.load(ckpt)
        self.model.load_state_dict(state["model"])
        self.start_epoch = state["epoch"] + 1
        if self.optimizer is not None and "optimizer" in state:
            self.optimizer.load_state_dict(state["optimizer"])

    def save(self, epoch):
        buf = io.BytesIO()
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "epoch": epoch}, buf)
        return buf

    def train_epoch(self, epoch):
        img, box, cls = self.data
        g = torch.Generator().manual_seed(self.cfg.seed + epoch)
        total = 0.0
        for idx in torch.randperm(len(img), generator=g).split(self.cfg.batch):
            pb, pc = self.model(img[idx])
            loss = 5 * F.smooth_l1_loss(pb, box[idx]) + F.cross_entropy(pc, cls[idx])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(idx)
        return total / len(img)

    def train(self, stop_after=None):
        self.setup()
        for epoch in range(self.start_epoch, self.cfg.epochs):
            loss = self.train_epoch(epoch)
            bufs = [s["momentum_buffer"].norm() for s in self.optimizer.state.values()]
            print(f"epoch {epoch} loss {loss:.4f} lr {self.optimizer.param_groups[0]['lr']} |m| {sum(bufs):.4f}")
            if stop_after is not None and epoch == stop_after:
                return self.save(epoch)
        return self.save(self.cfg.epochs - 1)


def main():
    cfg = TrainConfig()
    torch.manual_seed(cfg.seed)
    data = make_scene(512)
    first = BaseTrainer(cfg, TinyDetector(), data)
    ckpt = first.train(stop_after=3)
    print("interrupted, continuing")
    second = BaseTrainer(cfg, TinyDetector(), data)
    second.resume(ckpt)
    second.train()


if __name__ == "__main__":
    main()
