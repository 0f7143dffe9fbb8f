import os
import tempfile
import torch
from torch import nn

torch.manual_seed(0)


class RegressionModule(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 40), nn.Tanh(), nn.Linear(40, 1))

    def training_step(self, batch):
        x, y = batch
        return nn.functional.mse_loss(self.net(x), y)

    def configure_optimizers(self):
        optim = torch.optim.Adam(self.parameters(), lr=2e-2, betas=(0.9, 0.999))
        return optim, torch.optim.lr_scheduler.ExponentialLR(optim, 0.985)


class Trainer:
    def __init__(self, module, folder):
        self.module, self.path = module, os.path.join(folder, "trainer.ckpt")
        self.optim, self.sched = module.configure_optimizers()
        self.epoch = 0

    def checkpoint(self):
        torch.save({"module": self.module.state_dict(), "optim": self.optim.state_dict(),
                    "sched": self.sched.state_dict(), "epoch": self.epoch}, self.path)

    def resume(self):
        if os.path.exists(self.path):
            blob = torch.load(self.path)
            self.module.load_state_dict(blob["module"])
            self.optim.load_state_dict(blob["optim"])
            self.sched.load_state_dict(blob["sched"])
            self.epoch = blob["epoch"]
        return self

    def fit(self, batches, until):
        self.optim, self.sched = self.module.configure_optimizers()
        print(f"epoch {self.epoch}: lr {self.sched.get_last_lr()[0]:.4f}, slots with moments {len(self.optim.state)}")
        while self.epoch < until:
            for batch in batches():
                loss = self.module.training_step(batch)
                self.optim.zero_grad()
                loss.backward()
                self.optim.step()
            self.sched.step()
            self.epoch += 1
        print(f"epoch {self.epoch}: loss {loss.item():.5f}")
        self.checkpoint()


def batches(n=4):
    for _ in range(n):
        x = torch.randn(64, 3)
        yield x, torch.sin(x[:, :1] + x[:, 1:2]) * x[:, 2:]


with tempfile.TemporaryDirectory() as folder:
    for until in (50, 100):
        Trainer(RegressionModule(), folder).resume().fit(batches, until)
