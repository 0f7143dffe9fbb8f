"""Train a recurrent sequence model in two sessions, continuing from a saved checkpoint."""
import os
import tempfile
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(8)
FEATURES, HIDDEN, SEQ, CLASSES = 6, 32, 12, 5


def glimpses(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, SEQ, FEATURES, generator=g)
    proto = torch.randn(CLASSES, FEATURES, generator=torch.Generator().manual_seed(0))
    y = torch.randint(0, CLASSES, (n,), generator=g)
    return x + 0.5 * proto[y].unsqueeze(1), y


class GlimpseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(FEATURES, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, CLASSES)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


class Trainer:
    def __init__(self, ckpt_dir, epochs, resume=False, lr=0.01, momentum=0.95):
        self.ckpt_dir, self.epochs, self.resume = ckpt_dir, epochs, resume
        self.model = GlimpseNet()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=lr, momentum=momentum)
        self.start_epoch, self.best_acc = 0, 0.0
        self.train_set, self.valid_set = glimpses(1024, 1), glimpses(256, 2)

    def train(self):
        if self.resume:
            self.load_checkpoint()
        for epoch in range(self.start_epoch, self.epochs):
            loss = self.train_one_epoch(epoch)
            acc = self.validate()
            self.best_acc = max(self.best_acc, acc)
            print(f"epoch {epoch:2d} loss {loss:.4f} val acc {acc:.3f}")
            self.save_checkpoint({
                "epoch": epoch + 1,
                "model_state": self.model.state_dict(),
                "optim_state": self.optimizer.state_dict(),
                "best_acc": self.best_acc,
            })

    def train_one_epoch(self, epoch):
        self.model.train()
        x, y = self.train_set
        total = 0.0
        for idx in torch.randperm(len(y)).split(64):
            loss = F.cross_entropy(self.model(x[idx]), y[idx])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(idx)
        return total / len(y)

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        x, y = self.valid_set
        return (self.model(x).argmax(-1) == y).float().mean().item()

    def save_checkpoint(self, state):
        torch.save(state, os.path.join(self.ckpt_dir, "glimpse_ckpt.pt"))

    def load_checkpoint(self):
        ckpt = torch.load(os.path.join(self.ckpt_dir, "glimpse_ckpt.pt"))
        self.start_epoch = ckpt["epoch"]
        self.best_acc = ckpt["best_acc"]
        self.model.load_state_dict(ckpt["model_state"])
        print(f"resumed at epoch {self.start_epoch} with best val acc {self.best_acc:.3f}")


with tempfile.TemporaryDirectory() as ckpt_dir:
    Trainer(ckpt_dir, epochs=8).train()
    Trainer(ckpt_dir, epochs=16, resume=True).train()
