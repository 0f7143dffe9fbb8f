import torch
from torch import nn

torch.manual_seed(0)
TASKS = ("up", "down", "curve")


class Station(nn.Module):
    def __init__(self, inputs=4, hidden=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.heads = nn.ModuleDict(dict.fromkeys(TASKS, nn.Linear(hidden, 1)))

    def forward(self, x):
        h = self.body(x)
        return {task: head(h).squeeze(-1) for task, head in self.heads.items()}


class StationModule:
    def __init__(self):
        self.model = Station()
        self.criterion = nn.SmoothL1Loss()

    def configure_optimizers(self):
        optim = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
        return optim, torch.optim.lr_scheduler.OneCycleLR(optim, max_lr=0.1, total_steps=300)

    def training_step(self, batch):
        x, targets = batch
        out = self.model(x)
        return {task: self.criterion(out[task], targets[task]) for task in TASKS}


def measurements(n):
    x = torch.randn(n, 4)
    s = x[:, 0] + 0.5 * x[:, 1]
    return x, {"up": s, "down": -s, "curve": x[:, 2].square()}


module = StationModule()
optim, schedule = module.configure_optimizers()
for step in range(300):
    losses = module.training_step(measurements(64))
    optim.zero_grad()
    torch.stack(tuple(losses.values())).sum().backward()
    optim.step()
    schedule.step()
    if step % 60 == 0:
        print(step, {k: round(v.item(), 3) for k, v in losses.items()})
