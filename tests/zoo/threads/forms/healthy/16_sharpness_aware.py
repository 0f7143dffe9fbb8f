import torch
from torch import nn
import torch.nn.functional as F
from torch.func import functional_call

torch.manual_seed(0)


class SharpnessAware:
    """Climbs to the worst point nearby, takes the gradient there and steps from the old place."""

    def __init__(self, params, base, radius):
        self.params = list(params)
        self.base, self.radius = base, radius

    @torch.no_grad()
    def climb(self):
        norm = torch.stack([p.grad.norm() for p in self.params]).norm()
        self.moves = [p.grad * (self.radius / (norm + 1e-12)) for p in self.params]
        for p, m in zip(self.params, self.moves):
            p.add_(m)

    @torch.no_grad()
    def descend(self):
        for p, m in zip(self.params, self.moves):
            p.sub_(m)
        self.base.step()

    def step(self, closure):
        self.base.zero_grad()
        first = closure()
        first.backward()
        self.climb()
        self.base.zero_grad()
        closure().backward()
        self.descend()
        return first.item()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 3, padding=1)
        self.norm = nn.GroupNorm(3, 12)
        self.out = nn.Linear(48, 3)

    def forward(self, x):
        h = F.adaptive_avg_pool2d(self.norm(self.conv(x)).relu(), 2).flatten(1)
        return F.log_softmax(self.out(h), dim=-1)


def shapes(n, size=10):
    y = torch.randint(3, (n,))
    g = torch.arange(size).float()
    period = torch.tensor([2.0, 4.0, 8.0])[y].view(-1, 1, 1)
    img = torch.sin(6.2832 * g.view(1, -1, 1) / period + 6.28 * torch.rand(n, 1, 1)) * torch.ones(1, 1, size)
    return (img + 0.3 * torch.randn(n, size, size)).unsqueeze(1), y


net = Net()
params = dict(net.named_parameters())
optim = SharpnessAware(params.values(), torch.optim.SGD(params.values(), lr=0.1, momentum=0.9), radius=0.05)
for step in range(120):
    x, y = shapes(48)
    loss = optim.step(lambda: F.nll_loss(functional_call(net, params, (x,)), y))
    if step % 24 == 0:
        with torch.no_grad():
            vx, vy = shapes(500)
            print(step, round(loss, 3), "accuracy", round((net(vx).argmax(1) == vy).float().mean().item(), 3))
