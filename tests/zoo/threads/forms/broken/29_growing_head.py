import torch
from torch import nn

torch.manual_seed(0)


class IncrementalClassifier(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.head = nn.Linear(32, classes)

    def extend(self, extra):
        old = self.head
        wide = nn.Linear(old.in_features, old.out_features + extra)
        with torch.no_grad():
            wide.weight[: old.out_features].copy_(old.weight)
            wide.bias[: old.out_features].copy_(old.bias)
        self.head = wide

    def forward(self, x):
        return self.head(self.trunk(x))


centres = torch.randn(9, 10) * 1.2


def samples(n, classes):
    y = torch.randint(classes, (n,))
    return centres[y] + 0.7 * torch.randn(n, 10), y


class Learner:
    def __init__(self):
        self.seen = 3
        self.model = IncrementalClassifier(10, self.seen)
        self.optim = torch.optim.Adam([
            {"params": self.model.trunk.parameters(), "lr": 5e-4},
            {"params": self.model.head.parameters(), "lr": 3e-3},
        ])

    def run_task(self, steps=150):
        for _ in range(steps):
            x, y = samples(64, self.seen)
            loss = nn.functional.cross_entropy(self.model(x), y)
            self.optim.zero_grad()
            loss.backward()
            self.optim.step()
        return loss.item()

    def new_classes(self, extra):
        self.seen += extra
        self.model.extend(extra)

    def accuracy(self):
        with torch.no_grad():
            x, y = samples(2000, self.seen)
            return (self.model(x).argmax(1) == y).float().mean().item()


learner = Learner()
print("task 0", learner.run_task(), learner.accuracy())
for task in (1, 2):
    learner.new_classes(3)
    before = learner.model.head.weight.clone()
    print("task", task, learner.run_task(), learner.accuracy(),
          "head moved by", (learner.model.head.weight - before).norm().item())
