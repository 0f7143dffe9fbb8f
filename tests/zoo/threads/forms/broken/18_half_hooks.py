import torch
from torch import nn

torch.manual_seed(0)


class GradientCompression:
    """Stand-in for sending gradients over a slow link in half precision."""

    def __init__(self, dtype=torch.float16):
        self.dtype = dtype
        self.handles = []

    def attach(self, module):
        for p in module.parameters():
            self.handles.append(p.register_hook(self.roundtrip))
        return self

    def roundtrip(self, grad):
        return grad.to(self.dtype).to(grad.dtype)

    def close(self):
        while self.handles:
            self.handles.pop().remove()


class BeamModel(nn.Module):
    """Deflection of a beam in metres from load position, load and stiffness."""

    def __init__(self, scale):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.out = nn.Linear(64, 1)
        self.scale = scale

    def forward(self, x):
        return self.out(self.body(x)).squeeze(-1) * self.scale


def deflection(n):
    pos, load, stiff = torch.rand(3, n)
    metres = 1e-4 * (1 + load) * torch.sin(3.14 * pos) / (0.5 + stiff)
    return torch.stack([pos, load, stiff], dim=1) * 2 - 1, metres


model = BeamModel(scale=1e-4)
compress = GradientCompression().attach(model)
optim = torch.optim.Adam(model.parameters(), lr=2e-3, eps=1e-16)
for step in range(300):
    x, y = deflection(128)
    loss = (model(x) - y).square().mean()
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 50 == 0:
        nonzero = torch.cat([p.grad.flatten() for p in model.parameters()]).ne(0).float().mean()
        print(f"{step} rmse {loss.sqrt().item():.3e} m, non-zero gradients {nonzero:.2f}")
compress.close()
