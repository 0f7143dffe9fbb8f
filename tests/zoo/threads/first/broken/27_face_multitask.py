import torch
import torch.nn as nn
import torch.nn.functional as F


class FaceNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, c, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(c, 2 * c, 3, stride=2, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.heads = nn.ModuleDict({
            "cls": nn.Linear(2 * c, 2), "box": nn.Linear(2 * c, 4),
            "landmark": nn.Linear(2 * c, 10), "pose": nn.Linear(2 * c, 3)})

    def forward(self, x):
        f = self.backbone(x)
        return {k: head(f) for k, head in self.heads.items()}


class MultiTaskLoss(nn.Module):
    def __init__(self, tasks):
        super().__init__()
        self.tasks = tasks
        self.log_vars = nn.Parameter(torch.zeros(len(tasks)))

    def task_losses(self, out, target):
        return {
            "cls": F.cross_entropy(out["cls"], target["cls"]),
            "box": F.smooth_l1_loss(out["box"], target["box"]),
            "landmark": F.smooth_l1_loss(out["landmark"], target["landmark"]),
            "pose": F.mse_loss(out["pose"], target["pose"]),
        }

    def forward(self, out, target):
        losses = self.task_losses(out, target)
        stacked = torch.stack([losses[t] for t in self.tasks])
        total = (torch.exp(-self.log_vars) * stacked + self.log_vars).sum()
        return total, {k: v.item() for k, v in losses.items()}


def build_optimizer(net, lr=1e-2, weight_decay=5e-4):
    decay, no_decay = [], []
    for name, p in net.named_parameters():
        (no_decay if name.endswith("bias") else decay).append(p)
    return torch.optim.SGD([{"params": decay, "weight_decay": weight_decay},
                            {"params": no_decay, "weight_decay": 0.0}], lr=lr, momentum=0.9)


torch.manual_seed(0)
net = FaceNet()
criterion = MultiTaskLoss(["cls", "box", "landmark", "pose"])
optimizer = build_optimizer(net)
images = torch.rand(16, 3, 20, 20)
target = {"cls": torch.randint(0, 2, (16,)), "box": torch.rand(16, 4),
          "landmark": torch.rand(16, 10), "pose": torch.randn(16, 3) * 3}
for it in range(5):
    total, parts = criterion(net(images), target)
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    print(it, f"{total.item():.4f}", {k: round(v, 4) for k, v in parts.items()})
