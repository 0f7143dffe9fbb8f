import io

import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.f(x)


class Session:
    def __init__(self, lr=1e-2):
        self.model = Net()
        self.opt = torch.optim.AdamW(self.model.parameters(), lr=lr)
        self.sched = torch.optim.lr_scheduler.StepLR(self.opt, step_size=4, gamma=0.5)
        self.epoch = 0

    def state(self):
        buf = io.BytesIO()
        torch.save({"model": self.model.state_dict(), "opt": self.opt.state_dict(), "sched": self.sched.state_dict(),
                    "epoch": self.epoch, "rng": torch.get_rng_state()}, buf)
        buf.seek(0)
        return buf

    def restore(self, buf):
        st = torch.load(buf, weights_only=True)
        self.model.load_state_dict(st["model"])
        self.opt.load_state_dict(st["opt"])
        self.sched.load_state_dict(st["sched"])
        self.epoch = st["epoch"]
        torch.set_rng_state(st["rng"])

    def run(self, x, y, until):
        self.model.train()
        while self.epoch < until:
            for idx in torch.randperm(len(x)).split(32):
                loss = F.mse_loss(self.model(x[idx]), y[idx])
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
            self.sched.step()
            self.epoch += 1
            print(f"epoch {self.epoch} loss {loss.item():.5f} next lr {self.sched.get_last_lr()[0]:.2e}")


def main():
    torch.manual_seed(0)
    x = torch.randn(256, 8)
    y = torch.sin(x[:, :1]) * x[:, 1:2]
    torch.manual_seed(1)
    whole = Session()
    whole.run(x, y, 10)
    torch.manual_seed(1)
    part = Session()
    part.run(x, y, 5)
    saved = part.state()
    again = Session(lr=0.5)
    again.restore(saved)
    again.run(x, y, 10)
    gap = max((a - b).abs().max().item() for a, b in zip(whole.model.parameters(), again.model.parameters()))
    print("difference to the uninterrupted run", gap)


if __name__ == "__main__":
    main()
