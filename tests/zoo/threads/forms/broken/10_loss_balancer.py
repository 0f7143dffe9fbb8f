import torch
from torch import nn

torch.manual_seed(0)


class LossBalancer:
    """Divides every task loss by a running mean of itself so that the tasks weigh alike."""

    def __init__(self, names, momentum=0.9):
        self.mean = dict.fromkeys(names)
        self.momentum = momentum

    def track(self, name, value):
        old = self.mean[name]
        self.mean[name] = value if old is None else torch.lerp(value, old, self.momentum)
        return self.mean[name]

    def __call__(self, losses):
        return sum(value / self.track(name, value).clamp_min(1e-6) for name, value in losses.items())


class TwoHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv1d(3, 16, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(4), nn.Flatten())
        self.amount = nn.Linear(64, 1)
        self.label = nn.Linear(64, 3)

    def forward(self, x):
        h = self.trunk(x)
        return {"amount": self.amount(h).squeeze(-1), "label": self.label(h)}


def batches(n, size=32):
    for _ in range(n):
        label = torch.randint(3, (size,))
        freq = (label + 1).float()[:, None, None]
        phase = torch.rand(size, 3, 1) * 6.28
        amp = 50 + 50 * torch.rand(size)
        x = torch.sin(torch.linspace(0, 12, 64) * freq + phase) * amp[:, None, None] / 100
        yield x, {"amount": amp, "label": label}


model = TwoHead()
criteria = {"amount": nn.MSELoss(), "label": nn.CrossEntropyLoss()}
balance = LossBalancer(criteria)
optim = torch.optim.Adam(model.parameters(), lr=1e-3)
for step, (x, target) in enumerate(batches(200)):
    out = model(x)
    loss = balance({name: fn(out[name], target[name]) for name, fn in criteria.items()})
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 20 == 0:
        print(step, {k: v.item() for k, v in balance.mean.items()})
