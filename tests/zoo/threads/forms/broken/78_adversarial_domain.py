import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class GradientReversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return ctx.scale * grad, None


class DomainNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 8))
        self.task = nn.Linear(8, 2)
        self.domain = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x, scale):
        h = self.features(x)
        return self.task(h), self.domain(GradientReversal.apply(h, scale))


def sample(n, domain):
    y = torch.randint(2, (n,))
    sign = y.float() * 2 - 1
    x = torch.randn(n, 4)
    x[:, 0] += 1.5 * sign
    x[:, 1] += 3.0 * (domain * 2 - 1)
    if domain == 0:
        x[:, 2] += 2.0 * sign
    return x, y


net = DomainNet()
optim = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(250):
    (xs, ys), (xt, _) = sample(64, 0), sample(64, 1)
    scale = min(1.0, step / 100)
    task, domain = net(torch.cat([xs, xt]), scale)
    where = torch.arange(128) // 64
    losses = {"task": F.cross_entropy(task[:64], ys), "domain": F.cross_entropy(domain, where)}
    optim.zero_grad()
    sum(losses.values()).backward()
    optim.step()
    if step % 50 == 0:
        with torch.no_grad():
            x, y = sample(2000, 1)
            acc = (net(x, 1.0)[0].argmax(1) == y).float().mean()
        print(step, {k: round(v.item(), 3) for k, v in losses.items()}, "target domain accuracy", round(acc.item(), 3))
