"""Mean teacher on tabular data: the teacher is an exponential average of the student."""
import copy
import math
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(22)
FEATURES, CLASSES, STEPS, RAMP = 16, 4, 400, 150


def table(n, centers):
    y = torch.randint(0, CLASSES, (n,))
    return centers[y] + torch.randn(n, FEATURES), y


def build():
    return nn.Sequential(nn.Linear(FEATURES, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2),
                         nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, CLASSES))


@torch.no_grad()
def ema_update(teacher, student, decay):
    for t, s in zip(teacher.parameters(), student.parameters()):
        t.mul_(decay).add_(s, alpha=1 - decay)
    for t, s in zip(teacher.buffers(), student.buffers()):
        t.copy_(s)


def ramp(step):
    if step >= RAMP:
        return 1.0
    return math.exp(-5.0 * (1.0 - step / RAMP) ** 2)


centers = 0.8 * torch.randn(CLASSES, FEATURES)
xl, yl = table(80, centers)
xu, _ = table(3000, centers)
xt, yt = table(1000, centers)

student = build()
teacher = copy.deepcopy(student)
for p in teacher.parameters():
    p.requires_grad = False
optimizer = torch.optim.Adam(student.parameters(), lr=2e-3)

for step in range(STEPS):
    student.train()
    teacher.eval()
    li = torch.randint(0, len(yl), (32,))
    ui = torch.randint(0, len(xu), (128,))
    batch = torch.cat([xl[li], xu[ui]])
    logits = student(batch + 0.1 * torch.randn_like(batch))
    with torch.no_grad():
        target = teacher(batch + 0.1 * torch.randn_like(batch)).softmax(-1)
    class_loss = F.cross_entropy(logits[:32], yl[li])
    consistency = F.mse_loss(logits.softmax(-1), target)
    loss = class_loss + 10.0 * ramp(step) * consistency

    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema_update(teacher, student, min(0.99, 1 - 1 / (step + 1)))

    if (step + 1) % 80 == 0:
        student.eval()
        with torch.no_grad():
            acc_s = (student(xt).argmax(-1) == yt).float().mean().item()
            acc_t = (teacher(xt).argmax(-1) == yt).float().mean().item()
        print(f"step {step + 1:3d} class {class_loss.item():.4f} cons {consistency.item():.5f} "
              f"student {acc_s:.3f} teacher {acc_t:.3f}")
