"""MAML for sinusoid regression (demand curves of different regions)."""
import copy
import math
import torch
import torch.nn as nn

torch.manual_seed(8)


class DemandNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
                                 nn.Linear(hidden, 1))

    def forward(self, x):
        return self.net(x)


class MAMLTrainer:
    def __init__(self, model, inner_lr=0.05, outer_lr=1e-2, inner_steps=2):
        self.model = model
        self.inner_lr = inner_lr
        self.inner_steps = inner_steps
        self.criterion = nn.MSELoss()
        self.meta_optimizer = torch.optim.Adam(self.model.parameters(), lr=outer_lr)

    def inner_update(self, support_x, support_y):
        adapted = copy.deepcopy(self.model)
        for _ in range(self.inner_steps):
            loss = self.criterion(adapted(support_x), support_y)
            grads = torch.autograd.grad(loss, adapted.parameters(), create_graph=True)
            for p, g in zip(adapted.parameters(), grads):
                p.data -= self.inner_lr * g
        return adapted

    def meta_train_step(self, tasks):
        meta_loss = 0.0
        for sx, sy, qx, qy in tasks:
            adapted = self.inner_update(sx, sy)
            meta_loss = meta_loss + self.criterion(adapted(qx), qy)
        meta_loss = meta_loss / len(tasks)
        self.meta_optimizer.zero_grad()
        meta_loss.backward()
        self.meta_optimizer.step()
        return meta_loss.item()


def sample_task(k=10):
    amp = 0.5 + 2 * torch.rand(1)
    phase = math.pi * torch.rand(1)

    def draw():
        x = torch.rand(k, 1) * 6 - 3
        return x, amp * torch.sin(x + phase)
    return (*draw(), *draw())


trainer = MAMLTrainer(DemandNet())
hist = []
for it in range(40):
    hist.append(trainer.meta_train_step([sample_task() for _ in range(4)]))
    if it % 10 == 9:
        print(f"iter {it + 1} query loss {sum(hist[-10:]) / 10:.4f}")
