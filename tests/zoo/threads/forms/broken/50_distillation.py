import torch
from torch import nn

torch.manual_seed(0)


class SoftTargets(nn.Module):
    def __init__(self, temperature):
        super().__init__()
        self.t = temperature
        self.criterion = nn.KLDivLoss(reduction="batchmean")

    def soften(self, logits):
        return torch.softmax(logits / self.t, dim=-1)

    def forward(self, student, teacher):
        return self.criterion(self.soften(student), self.soften(teacher).detach()) * self.t ** 2


def classifier(width, depth=1):
    layers = [nn.Linear(6, width), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 4))


def quadrants(n):
    x = torch.randn(n, 6)
    return x, (x[:, 0] * x[:, 1] > 0).long() * 2 + (x[:, 2] > 0).long()


def loop(model, criterion, steps, lr):
    optim = torch.optim.Adam(model.parameters(), lr=lr)
    for step in range(steps):
        x, y = quadrants(128)
        loss = criterion(model(x), x, y)
        optim.zero_grad()
        loss.backward()
        optim.step()
    return loss.item()


def accuracy(model):
    with torch.no_grad():
        x, y = quadrants(4000)
        return (model(x).argmax(1) == y).float().mean().item()


teacher = classifier(64, 2)
loop(teacher, lambda out, x, y: nn.functional.cross_entropy(out, y), 300, 5e-3)
print("teacher", accuracy(teacher))
teacher.eval().requires_grad_(False)

student = classifier(24)
soft = SoftTargets(2.0)
for stage in range(4):
    last = loop(student, lambda out, x, y: soft(out, teacher(x)), 80, 5e-3)
    print("student", stage, "loss", last, "accuracy", accuracy(student))
