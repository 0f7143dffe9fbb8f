import copy

import torch
import torch.nn as nn
import torch.optim as optim


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))

    def forward(self, x):
        return self.net(x)


class MAML:
    def __init__(self, model, inner_lr=0.01, meta_lr=1e-3):
        self.model = model
        self.inner_lr = inner_lr
        self.criterion = nn.MSELoss()
        self.meta_optimizer = optim.Adam(self.model.parameters(), lr=meta_lr)

    def inner_update(self, x, y, steps=2):
        adapted = copy.deepcopy(self.model)
        for _ in range(steps):
            loss = self.criterion(adapted(x), y)
            grads = torch.autograd.grad(loss, adapted.parameters(), create_graph=True)
            for param, grad in zip(adapted.parameters(), grads):
                param.data -= self.inner_lr * grad
        return adapted

    def meta_train_step(self, tasks):
        self.meta_optimizer.zero_grad()
        meta_loss = 0.0
        for sx, sy, qx, qy in tasks:
            adapted = self.inner_update(sx, sy)
            meta_loss = meta_loss + self.criterion(adapted(qx), qy)
        meta_loss = meta_loss / len(tasks)
        meta_loss.backward()
        self.meta_optimizer.step()
        return meta_loss.item()


def sine_task():
    amp, phase = torch.rand(1) * 4 + 0.5, torch.rand(1) * 3.14
    x = torch.rand(20, 1) * 10 - 5
    y = amp * torch.sin(x + phase)
    return x[:10], y[:10], x[10:], y[10:]


torch.manual_seed(42)
maml = MAML(Regressor())
for it in range(4):
    print(it, maml.meta_train_step([sine_task() for _ in range(4)]))
