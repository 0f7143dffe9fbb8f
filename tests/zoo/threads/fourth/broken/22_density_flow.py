import io
import math
import torch
from torch import nn

torch.manual_seed(15)


class ActNorm(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.initialized = False
        self.log_scale = nn.Parameter(torch.zeros(features))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, inputs):
        if self.training and not self.initialized:
            self._initialize(inputs)
        outputs = self.log_scale.exp() * inputs + self.shift
        return outputs, self.log_scale.sum() * inputs.new_ones(len(inputs))

    def _initialize(self, inputs):
        with torch.no_grad():
            std = inputs.std(dim=0)
            mu = (inputs / std).mean(dim=0)
            self.log_scale.data = -torch.log(std)
            self.shift.data = -mu
        self.initialized = True


class AffineCoupling(nn.Module):
    def __init__(self, features, flip):
        super().__init__()
        self.flip, self.half = flip, features // 2
        self.net = nn.Sequential(nn.Linear(self.half, 32), nn.ReLU(), nn.Linear(32, features))

    def forward(self, x):
        a, b = x.chunk(2, 1)
        a, b = (b, a) if self.flip else (a, b)
        s, t = self.net(a).chunk(2, 1)
        s = torch.tanh(s)
        b = b * s.exp() + t
        return torch.cat([b, a] if self.flip else [a, b], 1), s.sum(1)


class Flow(nn.Module):
    def __init__(self, features=4, n=4):
        super().__init__()
        self.transforms = nn.ModuleList([m for i in range(n) for m in (ActNorm(features), AffineCoupling(features, i % 2 == 1))])

    def log_prob(self, x):
        total = x.new_zeros(len(x))
        for t in self.transforms:
            x, ld = t(x)
            total = total + ld
        return total - 0.5 * (x ** 2).sum(1) - 0.5 * x.size(1) * math.log(2 * math.pi)


def sample(n):
    z = torch.randn(n, 4)
    return torch.stack([z[:, 0] * 2 + 1, z[:, 0] ** 2 + 0.3 * z[:, 1], torch.sin(2 * z[:, 1]) + 0.2 * z[:, 2],
                        0.5 * z[:, 3] * z[:, 0].abs()], 1)


def train(flow, optimizer, start, steps):
    flow.train()
    for step in range(start, start + steps):
        loss = -flow.log_prob(sample(128)).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        optimizer.step()
        if step % 25 == 0 or step == start:
            print("step %d nll %.4f" % (step, loss.item()))


flow = Flow()
optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
train(flow, optimizer, 0, 150)
buf = io.BytesIO()
torch.save({'flow': flow.state_dict(), 'optim': optimizer.state_dict()}, buf)
buf.seek(0)
ckpt = torch.load(buf)
flow = Flow()
flow.load_state_dict(ckpt['flow'])
optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
optimizer.load_state_dict(ckpt['optim'])
print("resumed")
train(flow, optimizer, 150, 60)
