import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(23)


class FCN(nn.Module):
    def __init__(self, n_class=3):
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
        self.block2 = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Dropout2d(0.3))
        self.score = nn.Conv2d(16, n_class, 1)
        self.upscore = nn.ConvTranspose2d(n_class, n_class, 2, stride=2)

    def forward(self, x):
        return self.upscore(self.score(self.block2(self.block1(x))))


class Trainer:
    def __init__(self, model, optimizer, train_loader, val_loader, max_iter, interval_validate=4):
        self.model = model
        self.optim = optimizer
        self.train_loader = train_loader
        self.val_loader = val_loader
        self.max_iter = max_iter
        self.interval_validate = interval_validate
        self.iteration = 0
        self.best_acc = 0

    def validate(self):
        self.model.eval()
        correct, total = 0, 0
        with torch.no_grad():
            for data, target in self.val_loader:
                pred = self.model(data).argmax(1)
                correct += (pred == target).sum().item()
                total += target.numel()
        acc = correct / total
        if acc > self.best_acc:
            self.best_acc = acc
        print(f"  iter {self.iteration} val acc {acc:.3f}")

    def train_epoch(self):
        for data, target in self.train_loader:
            if self.iteration % self.interval_validate == 0:
                self.validate()
            score = self.model(data)
            loss = F.cross_entropy(score, target)
            self.optim.zero_grad()
            loss.backward()
            self.optim.step()
            self.iteration += 1
        print(f"loss {loss.item():.4f} bn mean {self.model.block1[1].running_mean.abs().mean().item():.4f}")

    def train(self, epochs):
        self.model.train()
        for _ in range(epochs):
            self.train_epoch()
            if self.iteration >= self.max_iter:
                break


def make(n):
    out = []
    for _ in range(n):
        img = torch.rand(4, 3, 12, 12) * 2 + 1
        out.append((img, img.argmax(1)))
    return out


model = FCN()
trainer = Trainer(model, torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9), make(10), make(2), max_iter=40)
trainer.train(4)
print("best", round(trainer.best_acc, 3))
