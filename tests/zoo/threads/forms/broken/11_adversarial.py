import torch
from torch import nn

torch.manual_seed(0)


class FastSignAttack:
    def __init__(self, model, radius):
        self.model, self.radius = model, radius

    def start(self, x):
        return torch.empty_like(x).uniform_(-1, 1).requires_grad_() * self.radius

    def __call__(self, x, y):
        delta = self.start(x)
        loss = nn.functional.cross_entropy(self.model(x + delta), y)
        loss.backward()
        with torch.no_grad():
            step = delta + 1.25 * self.radius * delta.grad.sign()
            return x + step.clamp(-self.radius, self.radius)


class SmallConv(nn.Sequential):
    def __init__(self, classes):
        super().__init__(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
            nn.Flatten(), nn.Linear(64, classes),
        )


def stripes(n, size=12):
    y = torch.randint(2, (n,))
    wave = torch.sin(torch.arange(size) * 1.3 + 6.28 * torch.rand(n, 1))
    rows = wave[:, None, :].expand(n, size, size)
    x = torch.where(y.view(-1, 1, 1) == 0, rows, rows.transpose(1, 2))
    return (x + 0.3 * torch.randn(n, size, size)).unsqueeze(1), y


def robust_epoch(model, optim, attack, steps):
    total = 0.0
    for _ in range(steps):
        x, y = stripes(32)
        model.eval()
        x_adv = attack(x, y)
        model.train()
        optim.zero_grad(set_to_none=True)
        loss = 0.5 * nn.functional.cross_entropy(model(x), y) + 0.5 * nn.functional.cross_entropy(model(x_adv), y)
        loss.backward()
        optim.step()
        total += loss.item()
    return total / steps


model = SmallConv(2)
optim = torch.optim.Adam(model.parameters(), lr=2e-3)
attack = FastSignAttack(model, radius=0.1)
for epoch in range(4):
    print(epoch, robust_epoch(model, optim, attack, 20))
