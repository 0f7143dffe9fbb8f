import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(3)

PROTO = torch.randn(5, 1, 12, 12)


def images(n):
    y = torch.randint(0, 5, (n,))
    return PROTO[y] + 1.2 * torch.randn(n, 1, 12, 12), y


def augment(x):
    shift = torch.randint(-1, 2, (2,)).tolist()
    return torch.roll(x, shift, dims=(2, 3)) + 0.3 * torch.randn_like(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Dropout2d(0.1),
        )
        self.fc = nn.Linear(32 * 36, 5)

    def forward(self, x):
        return self.fc(self.features(x).flatten(1))


@torch.no_grad()
def update_ema(student, teacher, decay):
    for p, q in zip(student.parameters(), teacher.parameters()):
        q.mul_(decay).add_(p, alpha=1 - decay)
    for b, c in zip(student.buffers(), teacher.buffers()):
        c.copy_(b)


lab_x, lab_y = images(60)
unl_x, _ = images(400)
test_x, test_y = images(300)

student = Net()
teacher = copy.deepcopy(student)
for p in teacher.parameters():
    p.requires_grad_(False)
optimizer = torch.optim.SGD(student.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=5e-4)

TOTAL = 160
for step in range(TOTAL):
    student.train()
    teacher.train()
    i = torch.randint(0, len(lab_x), (16,))
    j = torch.randint(0, len(unl_x), (48,))
    batch = torch.cat([lab_x[i], unl_x[j]])
    out = student(augment(batch))
    with torch.no_grad():
        soft = F.softmax(teacher(augment(batch)), dim=1)
    sup = F.cross_entropy(out[:16], lab_y[i])
    cons = F.mse_loss(F.softmax(out, dim=1), soft)
    ramp = min(1.0, step / 80) ** 2
    loss = sup + 5.0 * ramp * cons
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    update_ema(student, teacher, min(0.97, 1 - 1 / (step + 1)))
    if (step + 1) % 40 == 0:
        student.eval()
        teacher.eval()
        with torch.no_grad():
            acc = [(m(test_x).argmax(1) == test_y).float().mean().item() for m in (student, teacher)]
        print(f"step {step + 1:3d}  sup {sup.item():.4f}  cons {cons.item():.5f}  student {acc[0]:.3f}  teacher {acc[1]:.3f}")
