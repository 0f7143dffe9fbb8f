"""Meta-learn an initialisation for few-shot sine regression."""
import copy
import math
import torch
import torch.nn as nn

torch.manual_seed(9)


class Regressor(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(1, hidden), nn.Tanh(),
            nn.Linear(hidden, hidden), nn.Tanh(),
            nn.Linear(hidden, 1),
        )

    def forward(self, x):
        return self.net(x)


class SineTasks:
    def sample(self, shots):
        amp = 0.5 + 2.0 * torch.rand(1)
        phase = 0.5 * math.pi * torch.rand(1)

        def draw(n):
            x = 6 * torch.rand(n, 1) - 3
            return x, amp * torch.sin(x + phase)

        return draw(shots), draw(shots)


class MAML:
    def __init__(self, model, inner_lr=0.02, outer_lr=2e-3, inner_steps=3):
        self.model = model
        self.inner_lr, self.inner_steps = inner_lr, inner_steps
        self.criterion = nn.MSELoss()
        self.meta_optimizer = torch.optim.Adam(self.model.parameters(), lr=outer_lr)

    def inner_update(self, support_x, support_y):
        adapted = copy.deepcopy(self.model)
        for _ in range(self.inner_steps):
            loss = self.criterion(adapted(support_x), support_y)
            grads = torch.autograd.grad(loss, adapted.parameters(), create_graph=True)
            for param, grad in zip(adapted.parameters(), grads):
                param.data -= self.inner_lr * grad
        return adapted

    def outer_update(self, meta_loss):
        self.meta_optimizer.zero_grad()
        meta_loss.backward()
        self.meta_optimizer.step()

    def meta_train_step(self, tasks):
        meta_loss = 0.0
        for (support_x, support_y), (query_x, query_y) in tasks:
            adapted = self.inner_update(support_x, support_y)
            meta_loss = meta_loss + self.criterion(adapted(query_x), query_y)
        meta_loss = meta_loss / len(tasks)
        self.outer_update(meta_loss)
        return meta_loss.item()


source = SineTasks()
learner = MAML(Regressor())
window = []
for step in range(240):
    loss = learner.meta_train_step([source.sample(10) for _ in range(4)])
    window.append(loss)
    if (step + 1) % 40 == 0:
        print(f"step {step + 1:3d} query loss after adaptation {sum(window) / len(window):.4f}")
        window = []
