import torch
from torch import nn

torch.manual_seed(0)


class FeatureGates(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.gate_logits = nn.Parameter(torch.full((count,), 1.0))

    def probabilities(self):
        return torch.sigmoid(self.gate_logits)

    def forward(self, x):
        p = self.probabilities()
        if not self.training:
            return torch.einsum("bf,f->bf", x, (p > 0.5).float())
        return torch.where(torch.bernoulli(p.expand_as(x)).bool(), x, torch.zeros_like(x))


class Selector(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.gates = FeatureGates(features)
        self.net = nn.Sequential(nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(self.gates(x)).squeeze(-1)


class Objective(nn.Module):
    def __init__(self, price):
        super().__init__()
        self.price = price

    def forward(self, model, x, y):
        fit = nn.functional.mse_loss(model(x), y)
        return fit + self.price * model.gates.probabilities().sum()


def wide_table(n):
    x = torch.randn(n, 12)
    return x, 2 * x[:, 0] - 1.5 * x[:, 4] + x[:, 7]


model, objective = Selector(12), Objective(0.05)
optim = torch.optim.Adam([
    {"params": model.gates.parameters(), "lr": 2e-2},
    {"params": model.net.parameters(), "lr": 5e-3},
])
for step in range(300):
    loss = objective(model, *wide_table(128))
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 60 == 0:
        print(step, round(loss.item(), 3), [round(p, 2) for p in model.gates.probabilities().tolist()])
model.eval()
with torch.no_grad():
    x, y = wide_table(2000)
    print("kept", (model.gates.probabilities() > 0.5).nonzero().flatten().tolist(), "error", nn.functional.mse_loss(model(x), y).item())
