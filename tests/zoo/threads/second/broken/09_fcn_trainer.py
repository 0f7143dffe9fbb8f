import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(8)


class TinyFCN(nn.Module):
    def __init__(self, n_class=3):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.drop = nn.Dropout2d(0.5)
        self.score = nn.Conv2d(32, n_class, 1)

    def forward(self, x):
        h = F.relu(self.conv1(x))
        h = self.drop(F.relu(self.conv2(h)))
        return self.score(h)


class Trainer:
    def __init__(self, model, optimizer, train_loader, val_loader, interval_validate):
        self.model, self.optim = model, optimizer
        self.train_loader, self.val_loader = train_loader, val_loader
        self.interval_validate = interval_validate
        self.iteration = 0

    def validate(self):
        self.model.eval()
        val_loss = 0
        with torch.no_grad():
            for data, target in self.val_loader:
                val_loss += F.cross_entropy(self.model(data), target).item()
        print(f"  iter {self.iteration} val loss {val_loss / len(self.val_loader):.4f}")

    def train_epoch(self):
        self.model.train()
        for data, target in self.train_loader:
            if self.iteration % self.interval_validate == 0:
                self.validate()
            self.optim.zero_grad()
            score = self.model(data)
            loss = F.cross_entropy(score, target)
            loss.backward()
            self.optim.step()
            self.iteration += 1
            print(f"iter {self.iteration} train loss {loss.item():.4f}")


def dataset(n):
    img = torch.rand(n, 3, 12, 12)
    return TensorDataset(img, img.argmax(dim=1))


model = TinyFCN()
optim = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
trainer = Trainer(model, optim, DataLoader(dataset(24), batch_size=8, shuffle=True),
                  DataLoader(dataset(8), batch_size=8), interval_validate=2)
for epoch in range(2):
    trainer.train_epoch()
