import torch
from torch import nn

torch.manual_seed(0)


class ActivityPenalty:
    """Collects the mean activation of chosen layers through forward hooks."""

    def __init__(self, model, kinds, weight):
        self.weight = weight
        self.collected = []
        self.last = 0.0
        for module in model.modules():
            if isinstance(module, kinds):
                module.register_forward_hook(self.collect)

    def collect(self, module, inputs, output):
        self.collected.append(output.abs().mean())

    def reset(self):
        self.collected.clear()

    def total(self, task_loss):
        self.reset()
        penalty = sum(self.collected, torch.zeros(()))
        self.last = penalty.item()
        return task_loss + self.weight * penalty


class SparseCoder(nn.Module):
    def __init__(self, inputs=16, codes=40):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(inputs, codes), nn.ReLU())
        self.decode = nn.Linear(codes, inputs, bias=False)

    def forward(self, x):
        code = self.encode(x)
        return self.decode(code), code


atoms = nn.functional.normalize(torch.randn(40, 16), dim=1)


def mixtures(n):
    use = (torch.rand(n, 40) < 0.06).float()
    return (use * (0.5 + torch.rand(n, 40))) @ atoms


model = SparseCoder()
penalty = ActivityPenalty(model, (nn.ReLU,), weight=0.5)
optim = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(300):
    x = mixtures(128)
    back, code = model(x)
    loss = penalty.total(nn.functional.mse_loss(back, x))
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 60 == 0:
        print(step, f"loss {loss.item():.4f} penalty {penalty.last:.4f} active share {(code > 0.05).float().mean().item():.3f}")
