import torch
from torch import nn

torch.manual_seed(0)


class LayerwiseSGD:
    """Step length of every tensor in proportion to its own norm."""

    def __init__(self, params, trust):
        self.params = list(params)
        self.trust = trust

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p in self.params:
            ratio = self.trust * p.norm().clamp_min(0.1) / p.grad.norm().clamp_min(1e-8)
            p.add_(p.grad, alpha=-ratio.item())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(1, 12, 7, stride=2), nn.ReLU(), nn.Conv1d(12, 12, 5, stride=2), nn.ReLU(), nn.Flatten())
        self.main = nn.Linear(60, 3)
        self.auxiliary = nn.Linear(60, 32)

    def forward(self, x, with_auxiliary):
        h = self.body(x.unsqueeze(1))
        return self.main(h), self.auxiliary(h) if with_auxiliary else None


def tones(n):
    y = torch.randint(3, (n,))
    x = torch.sin(torch.arange(32) * (0.4 + 0.5 * y[:, None]) + 6.28 * torch.rand(n, 1))
    return x + 0.3 * torch.randn(n, 32), x, y


net = Net()
optim = LayerwiseSGD(net.parameters(), trust=0.02)
for step in range(100):
    noisy, clean, y = tones(48)
    logits, rebuilt = net(noisy, with_auxiliary=step % 4 == 0)
    loss = nn.functional.cross_entropy(logits, y)
    if rebuilt is not None:
        loss = loss + 0.3 * nn.functional.mse_loss(rebuilt, clean)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 20 == 0:
        print(step, loss.item())
