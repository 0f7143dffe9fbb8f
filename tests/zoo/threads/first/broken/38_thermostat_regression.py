import torch
from torch import nn

torch.manual_seed(21)


def simulate(n):
    outside = torch.rand(n, 1) * 15 - 20
    wind = torch.rand(n, 1) * 10
    humidity = torch.rand(n, 1)
    felt = outside - 0.6 * wind.sqrt() * (1 + 0.2 * humidity)
    return torch.cat([outside, wind, humidity], 1), felt


class Normalizer(nn.Module):
    def __init__(self, x):
        super().__init__()
        self.register_buffer("mean", x.mean(0))
        self.register_buffer("std", x.std(0))

    def forward(self, x):
        return (x - self.mean) / self.std


def mlp(sizes, norm):
    layers = [norm]
    for a, b in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers)


def fit(net, x, y, epochs=5, batch=64, lr=1e-2):
    nn.init.constant_(net[-2].bias, y.mean().item())
    opt = torch.optim.Adam(net.parameters(), lr=lr)
    loss_fn = nn.SmoothL1Loss()
    for epoch in range(epochs):
        perm = torch.randperm(len(x))
        total = 0.0
        for idx in perm.split(batch):
            loss = loss_fn(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        print(f"epoch {epoch}: {total / len(x):.5f}")


x, y = simulate(256)
net = mlp([3, 32, 32, 1], Normalizer(x))
fit(net, x, y)
