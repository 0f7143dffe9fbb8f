import math
import torch
from torch import nn

torch.manual_seed(0)


class EarlyStopping:
    def __init__(self, model, patience):
        self.model, self.patience = model, patience
        self.best, self.bad, self.state = math.inf, 0, None

    def remember(self):
        self.state = {k: v.detach().cpu() for k, v in self.model.state_dict().items()}

    def update(self, value):
        if value < self.best:
            self.best, self.bad = value, 0
            self.remember()
        else:
            self.bad += 1
        return self.bad >= self.patience

    def restore(self):
        self.model.load_state_dict(self.state)


def noisy_task(n):
    x = torch.randn(n, 20)
    return x, x[:, :1].sin() + 0.8 * torch.randn(n, 1)


train, valid = noisy_task(60), noisy_task(400)
model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 1))
optim = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.MSELoss()


def evaluate():
    model.eval()
    with torch.no_grad():
        return criterion(model(valid[0]), valid[1]).item()


stopper = EarlyStopping(model, patience=60)
for epoch in range(400):
    model.train()
    for idx in torch.randperm(60).split(20):
        loss = criterion(model(train[0][idx]), train[1][idx])
        optim.zero_grad()
        loss.backward()
        optim.step()
    if stopper.update(evaluate()):
        break
stopper.restore()
print("stopped at", epoch, "best seen", stopper.best, "after restore", evaluate())
