import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Teacher(nn.Module):
    def __init__(self, student, decay):
        super().__init__()
        self.net = copy.deepcopy(student)
        for p in self.net.parameters():
            p.requires_grad = False
        self.decay = decay

    @torch.no_grad()
    def follow(self, student):
        for mine, theirs in zip(self.net.parameters(), student.parameters()):
            mine.lerp_(theirs, 1 - self.decay)
        for mine, theirs in zip(self.net.buffers(), student.buffers()):
            mine.copy_(theirs)

    @torch.no_grad()
    def forward(self, x):
        return self.net(x)


def encoder():
    return nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 16))


student = encoder()
predictor = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 16))
teacher = Teacher(student, 0.97)
optim = torch.optim.Adam([*student.parameters(), *predictor.parameters()], lr=2e-3)
mixing = torch.randn(4, 20)


def views(n):
    hidden = torch.randn(n, 4)
    base = hidden @ mixing
    return hidden, base + 0.7 * torch.randn(n, 20), base + 0.7 * torch.randn(n, 20)


def agreement(a, b):
    return 2 - 2 * F.cosine_similarity(predictor(student(a)), teacher(b), dim=-1).mean()


def probe():
    student.eval()
    with torch.no_grad():
        hidden, a, _ = views(1500)
        z = student(a)
        z = torch.cat([z, torch.ones(len(z), 1)], dim=1)
        w = torch.linalg.lstsq(z[:1000], hidden[:1000]).solution
        left = (z[1000:] @ w - hidden[1000:]).square().mean()
        spread = F.normalize(z[:, :-1], dim=-1).std(0).mean()
    student.train()
    return left.item(), spread.item()


for step in range(200):
    _, a, b = views(128)
    loss = 0.5 * (agreement(a, b) + agreement(b, a))
    optim.zero_grad()
    loss.backward()
    optim.step()
    teacher.follow(student)
    if step % 40 == 0:
        print(step, round(loss.item(), 4), "probe error and spread", probe())
