import os
import tempfile

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)

DATA_X = torch.randn(600, 10)
DATA_Y = (DATA_X[:, :3].prod(dim=1, keepdim=True) + DATA_X[:, 3:5].sum(dim=1, keepdim=True)
          + 0.3 * torch.randn(600, 1))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1)
        )

    def forward(self, x):
        return self.layers(x)


class ExpDecay:
    def __init__(self, gamma):
        self.gamma = gamma

    def __call__(self, epoch):
        return self.gamma ** epoch


class Checkpoint:
    def __init__(self, path):
        self.path = path

    def save(self, trainer):
        torch.save({
            "epoch": trainer.epoch,
            "model": trainer.model.state_dict(),
            "optimizer": trainer.optimizer.state_dict(),
            "scheduler": trainer.scheduler.state_dict(),
        }, self.path)

    def load(self):
        if not os.path.exists(self.path):
            return None
        return torch.load(self.path)


class Trainer:
    def __init__(self, ckpt_path, max_epochs, base_lr=0.08):
        self.checkpoint = Checkpoint(ckpt_path)
        self.max_epochs = max_epochs
        self.base_lr = base_lr
        self.epoch = 0
        self.model = Net()
        self.instantiate_optimizers()

    def instantiate_optimizers(self):
        state = self.checkpoint.load()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.base_lr, momentum=0.9)
        if state is not None:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.epoch = state["epoch"]
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, ExpDecay(gamma=0.8))
        if state is not None:
            self.scheduler.load_state_dict(state["scheduler"])

    def train_epoch(self):
        self.model.train()
        total = 0.0
        for idx in torch.randperm(len(DATA_X)).split(30):
            loss = F.mse_loss(self.model(DATA_X[idx]), DATA_Y[idx])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(idx)
        return total / len(DATA_X)

    def fit(self, until):
        while self.epoch < min(until, self.max_epochs):
            lr = self.optimizer.param_groups[0]["lr"]
            loss = self.train_epoch()
            self.scheduler.step()
            self.epoch += 1
            print(f"epoch {self.epoch:2d} lr {lr:.5f} loss {loss:.4f}")
        self.checkpoint.save(self)


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "last.pt")
    first = Trainer(path, max_epochs=30)
    first.fit(until=16)
    print("job ended, starting again from", os.path.basename(path))
    second = Trainer(path, max_epochs=30)
    second.fit(until=30)
