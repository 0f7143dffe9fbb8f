import copy
import io

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(33)

RAMP, STEPS, CRASH_AT = 80, 300, 140


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 96), nn.BatchNorm1d(96), nn.ReLU(), nn.Dropout(0.2),
                                 nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 5))

    def forward(self, x):
        return self.net(x)


class Lookahead(torch.optim.SGD):
    """SGD whose weights are pulled to a slow copy every k steps."""

    def __init__(self, params, lr, momentum, k=5, alpha=0.5):
        super().__init__(params, lr=lr, momentum=momentum)
        self.k, self.alpha = k, alpha

    @torch.no_grad()
    def step(self, closure=None):
        out = super().step(closure)
        for group in self.param_groups:
            for p in group["params"]:
                st = self.state[p]
                if "slow" not in st:
                    st["slow"], st["n"] = p.detach().clone(), 0
                st["n"] += 1
                if st["n"] % self.k == 0:
                    st["slow"].lerp_(p, self.alpha)
                    p.copy_(st["slow"])
        return out


def build():
    student = Net()
    teacher = copy.deepcopy(student).requires_grad_(False)
    opt = Lookahead(student.parameters(), lr=0.1, momentum=0.9)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, STEPS)
    return student, teacher, opt, sched


@torch.no_grad()
def ema_update(teacher, student, step):
    decay = min(0.99, (step + 1) / (step + 10))
    for t, s in zip(teacher.parameters(), student.parameters()):
        t.lerp_(s, 1 - decay)
    for t, s in zip(teacher.buffers(), student.buffers()):
        t.copy_(s)


def run(parts, start, stop):
    student, teacher, opt, sched = parts
    for step in range(start, stop):
        student.train()
        teacher.train()
        li = torch.randint(0, len(y_lab), (16,))
        ui = torch.randint(0, len(x_unl), (96,))
        x = torch.cat([x_lab[li], x_unl[ui]])
        out = student(x + 0.2 * torch.randn_like(x))
        with torch.no_grad():
            target = teacher(x + 0.2 * torch.randn_like(x)).softmax(-1)
        sup = F.cross_entropy(out[:16], y_lab[li])
        cons = (out.softmax(-1) - target).pow(2).sum(-1).mean()
        weight = 2.0 * min(1.0, step / RAMP)
        loss = sup + weight * cons
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        ema_update(teacher, student, step)
        if step % 40 == 0 or step == STEPS - 1:
            teacher.eval()
            with torch.no_grad():
                acc = (teacher(x_test).argmax(1) == y_test).float().mean().item()
            print(f"step {step} lr {sched.get_last_lr()[0]:.4f} sup {sup.item():.4f} "
                  f"cons {cons.item():.5f} w {weight:.2f} teacher acc {acc:.3f}")


def draw(n):
    y = torch.randint(0, 5, (n,))
    return centers[y] + 1.1 * torch.randn(n, 16), y


centers = torch.randn(5, 16)
x_lab, y_lab = draw(60)
x_unl, _ = draw(2000)
x_test, y_test = draw(800)

parts = build()
run(parts, 0, CRASH_AT)
blob = io.BytesIO()
torch.save([p.state_dict() for p in parts], blob)

parts = build()
blob.seek(0)
for part, state in zip(parts, torch.load(blob)):
    part.load_state_dict(state)
print("resumed")
run(parts, CRASH_AT, STEPS)
