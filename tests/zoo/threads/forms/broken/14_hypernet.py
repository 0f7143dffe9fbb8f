import torch
from torch import nn

torch.manual_seed(0)


def blank_target(width):
    return nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1))


class HyperNet(nn.Module):
    def __init__(self, task_dim, shapes):
        super().__init__()
        self.shapes = shapes
        total = sum(s.numel() for s in shapes.values())
        self.net = nn.Sequential(nn.Linear(task_dim, 64), nn.ReLU(), nn.Linear(64, total))

    def forward(self, task):
        flat = self.net(task)
        sizes = [s.numel() for s in self.shapes.values()]
        return {k: v.view(s) for (k, s), v in zip(self.shapes.items(), flat.split(sizes))}

    def install(self, target, task):
        for name, value in self(task).items():
            owner, _, leaf = name.rpartition(".")
            setattr(target.get_submodule(owner), leaf, nn.Parameter(value))
        return target


class Experiment:
    def __init__(self):
        self.target = blank_target(12)
        shapes = {k: p.shape for k, p in self.target.named_parameters()}
        self.hyper = HyperNet(2, shapes)
        self.optim = torch.optim.Adam(self.hyper.parameters(), lr=2e-3)

    def task(self):
        amp, phase = 0.5 + torch.rand(1), torch.rand(1) * 2
        x = torch.rand(32, 1) * 4 - 2
        return torch.cat([amp, phase]), x, amp * torch.sin(x + phase)

    def step(self, tasks=4):
        losses = []
        for _ in range(tasks):
            code, x, y = self.task()
            net = self.hyper.install(self.target, code)
            losses.append((net(x) - y).square().mean())
        loss = torch.stack(losses).mean()
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()
        return loss.item()


run = Experiment()
window = []
for it in range(200):
    window.append(run.step())
    if len(window) == 50:
        print(it + 1, sum(window) / len(window))
        window.clear()
