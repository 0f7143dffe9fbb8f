import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class MultiTaskNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(10, 32), nn.ReLU())
        self.reg = nn.Linear(32, 1)
        self.cls = nn.Linear(32, 3)

    def forward(self, x):
        h = self.trunk(x)
        return self.reg(h).squeeze(1), self.cls(h)


class MultiTaskLoss(nn.Module):
    """Homoscedastic uncertainty weighting (Kendall et al.)."""

    def __init__(self, n_tasks=2):
        super().__init__()
        self.log_vars = nn.Parameter(torch.zeros(n_tasks))

    def forward(self, losses):
        total = 0.0
        for i, l in enumerate(losses):
            total = total + torch.exp(-self.log_vars[i]) * l + self.log_vars[i]
        return total


x = torch.randn(128, 10)
y_reg = x[:, 0] * 2 + x[:, 1]
y_cls = torch.bucketize(x[:, 2].contiguous(), torch.tensor([-0.5, 0.5]))

net, mtl = MultiTaskNet(), MultiTaskLoss()
optimizer = torch.optim.Adam([
    {"params": net.parameters(), "lr": 1e-2},
    {"params": mtl.parameters(), "lr": 1e-2, "weight_decay": 0.0},
], weight_decay=1e-4)

for step in range(6):
    pred, logits = net(x)
    l1 = F.mse_loss(pred, y_reg)
    l2 = F.cross_entropy(logits, y_cls)
    loss = mtl([l1, l2])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    w = torch.exp(-mtl.log_vars.detach()).tolist()
    print(f"step {step} loss {loss.item():.4f} reg {l1.item():.4f} cls {l2.item():.4f} w {w[0]:.3f} {w[1]:.3f}")
