import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class SAM(torch.optim.Optimizer):
    def __init__(self, params, base_optimizer, rho=0.05, **kwargs):
        super().__init__(params, dict(rho=rho, **kwargs))
        self.base_optimizer = base_optimizer(self.param_groups, **kwargs)
        self.param_groups = self.base_optimizer.param_groups

    @torch.no_grad()
    def first_step(self):
        norm = torch.stack(
            [p.grad.norm() for group in self.param_groups for p in group["params"] if p.grad is not None]
        ).norm()
        for group in self.param_groups:
            scale = group["rho"] / (norm + 1e-12)
            for p in group["params"]:
                if p.grad is None:
                    continue
                self.state[p]["old_p"] = p.data.clone()
                p.add_(p.grad * scale)
        self.zero_grad()

    @torch.no_grad()
    def second_step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.data = self.state[p]["old_p"]
        self.base_optimizer.step()
        self.zero_grad()


def running_stats(model, enabled):
    for m in model.modules():
        if isinstance(m, nn.BatchNorm1d):
            if enabled and hasattr(m, "backup_momentum"):
                m.momentum = m.backup_momentum
            elif not enabled:
                m.backup_momentum = m.momentum
                m.momentum = 0


def sample(n):
    r = torch.rand(n) * 3
    y = torch.randint(0, 3, (n,))
    angle = 1.5 * r + y * 2.094
    x = torch.stack([r * angle.cos(), r * angle.sin()], dim=1)
    return x + 0.05 * torch.randn(n, 2), y


train_loader = DataLoader(TensorDataset(*sample(1500)), batch_size=50, shuffle=True)
x_test, y_test = sample(600)
model = nn.Sequential(
    nn.Linear(2, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 3)
)
optimizer = SAM(model.parameters(), torch.optim.SGD, rho=0.05, lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer.base_optimizer, step_size=8, gamma=0.3)

for epoch in range(20):
    model.train()
    for x, y in train_loader:
        running_stats(model, True)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.first_step()

        running_stats(model, False)
        F.cross_entropy(model(x), y).backward()
        optimizer.second_step()
        running_stats(model, True)
    scheduler.step()
    if epoch % 4 == 3:
        model.eval()
        with torch.no_grad():
            acc = (model(x_test).argmax(1) == y_test).float().mean().item()
        print(f"epoch {epoch + 1} loss {loss.item():.4f} test acc {acc:.4f}")
