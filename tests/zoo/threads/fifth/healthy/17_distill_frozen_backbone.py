import torch
import torch.nn as nn
import torch.nn.functional as F


class ConvNet(nn.Module):
    def __init__(self, ch, n_cls=4):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, ch, 3, padding=1), nn.BatchNorm2d(ch), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(ch, ch, 3, stride=2, padding=1), nn.BatchNorm2d(ch), nn.ReLU())
        self.fc = nn.Linear(ch * 4, n_cls)

    def forward(self, x):
        f = F.adaptive_avg_pool2d(self.body(self.stem(x)), 2).flatten(1)
        return self.fc(f), f


class Student(ConvNet):
    def freeze_stem(self):
        for p in self.stem.parameters():
            p.requires_grad = False

    def train(self, mode=True):
        super().train(mode)
        if not self.stem[0].weight.requires_grad:
            self.stem.eval()
        return self


def images(n):
    y = torch.randint(0, 4, (n,))
    x = torch.randn(n, 1, 8, 8) * 0.7
    for i, c in enumerate(y.tolist()):
        x[i, 0, (c // 2) * 4:(c // 2) * 4 + 4, (c % 2) * 4:(c % 2) * 4 + 4] += 0.8
    return x, y


def fit_teacher(teacher, steps):
    opt = torch.optim.Adam(teacher.parameters(), lr=5e-3)
    for _ in range(steps):
        x, y = images(48)
        loss = F.cross_entropy(teacher(x)[0], y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    return loss.item()


def kd_loss(s, t, y, temp=3.0, alpha=0.7):
    soft = F.kl_div(F.log_softmax(s / temp, 1), F.softmax(t / temp, 1), reduction="batchmean") * temp ** 2
    return alpha * soft + (1 - alpha) * F.cross_entropy(s, y)


def main():
    torch.manual_seed(0)
    teacher = ConvNet(16)
    print("teacher loss", fit_teacher(teacher, 50))
    teacher.eval().requires_grad_(False)
    student, regressor = Student(16), nn.Linear(64, 64)
    student.stem.load_state_dict(teacher.stem.state_dict())
    student.freeze_stem()
    opt = torch.optim.Adam([p for p in [*student.parameters(), *regressor.parameters()] if p.requires_grad], lr=3e-3)
    student.train()
    for step in range(100):
        x, y = images(48)
        with torch.no_grad():
            t_logits, t_feat = teacher(x)
        logits, feat = student(x)
        loss = kd_loss(logits, t_logits, y) + 0.1 * F.mse_loss(regressor(feat), t_feat)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 25 == 0:
            print(f"step {step:3d} loss {loss.item():.4f} agreement {(logits.argmax(1) == t_logits.argmax(1)).float().mean():.3f}")


if __name__ == "__main__":
    main()
