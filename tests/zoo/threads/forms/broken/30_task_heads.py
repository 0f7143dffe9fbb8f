import torch
from torch import nn

torch.manual_seed(0)


class MultiTask(nn.Module):
    def __init__(self, inputs, spec, hidden=8):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(inputs, 64), nn.SiLU(), nn.Linear(64, hidden))
        self.heads = {name: nn.Linear(hidden, width) for name, width in spec.items()}

    def forward(self, x):
        h = self.shared(x)
        return {name: head(h) for name, head in self.heads.items()}


class Losses(nn.Module):
    def __init__(self):
        super().__init__()
        self.fns = nn.ModuleDict({"age": nn.L1Loss(), "kind": nn.CrossEntropyLoss(), "risk": nn.BCEWithLogitsLoss()})

    def forward(self, out, target):
        return {k: fn(out[k] if k == "kind" else out[k].squeeze(-1), target[k]) for k, fn in self.fns.items()}


mix = torch.randn(12, 6)


def people(n):
    x = torch.randn(n, 12)
    f = x @ mix / 12 ** 0.5
    return x, {"age": 40 + 12 * f[:, 0], "kind": f[:, 1:5].argmax(1), "risk": (f[:, 5] > 0.5).float()}


model, criterion = MultiTask(12, {"age": 1, "kind": 4, "risk": 1}), Losses()
optim = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optim, step_size=150, gamma=0.5)
fixed = {k: h.weight.clone() for k, h in model.heads.items()}
for step in range(300):
    x, target = people(128)
    losses = criterion(model(x), target)
    optim.zero_grad()
    sum(losses.values()).backward()
    optim.step()
    scheduler.step()
    if step % 60 == 0:
        print(step, {k: round(v.item(), 3) for k, v in losses.items()})
print("head movement", {k: (h.weight - fixed[k]).norm().item() for k, h in model.heads.items()})
