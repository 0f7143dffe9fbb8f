import torch
from torch import nn
from torch.func import functional_call

torch.manual_seed(0)


class ConvEncoder(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.net = nn.Sequential(
            nn.BatchNorm1d(3), nn.Conv1d(3, 16, 5), nn.BatchNorm1d(16), nn.ReLU(),
            nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(16, classes))

    def forward(self, x):
        return self.net(x)


def split_state(module):
    params = {k: v.detach().clone().requires_grad_() for k, v in module.named_parameters()}
    buffers = {k: v.clone() for k, v in module.named_buffers()}
    return params, buffers


def apply_model(module, params, buffers, x, training):
    module.train(training)
    return functional_call(module, {**params, **buffers}, (x,))


def loss_fn(module, params, buffers, x, y):
    fresh = {k: v.clone() for k, v in buffers.items()}
    logits = apply_model(module, params, fresh, x, training=True)
    return nn.functional.cross_entropy(logits, y)


def traces(n):
    y = torch.randint(3, (n,))
    t = torch.arange(32) / 32
    x = torch.sin(6.28 * (2 + 2 * y[:, None, None]) * t + 6.28 * torch.rand(n, 3, 1))
    return 12 + 4 * x + torch.randn(n, 3, 32), y


module = ConvEncoder(3)
params, buffers = split_state(module)
optim = torch.optim.Adam(params.values(), lr=5e-3)
for step in range(100):
    x, y = traces(48)
    loss = loss_fn(module, params, buffers, x, y)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 20 == 0:
        with torch.no_grad():
            vx, vy = traces(400)
            acc = (apply_model(module, params, buffers, vx, training=False).argmax(1) == vy).float().mean()
        print(step, f"loss {loss.item():.3f} validation accuracy {acc.item():.3f}")
