import torch
import torch.nn as nn
from torch.func import functional_call


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(1, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU())
        self.head = nn.Linear(24, 1)

    def forward(self, x):
        return self.head(self.features(x))


def adapt(model, x, y, lr, steps, first_order):
    fast = {k: p for k, p in model.named_parameters()}
    for _ in range(steps):
        loss = nn.functional.mse_loss(functional_call(model, fast, (x,)), y)
        names = [k for k in fast if k.startswith("head")]
        grads = torch.autograd.grad(loss, [fast[k] for k in names], create_graph=not first_order)
        fast = {**fast, **{k: fast[k] - lr[k.replace(".", "_")] * g for k, g in zip(names, grads)}}
    return fast


def tasks(n):
    for _ in range(n):
        a, b = torch.rand(1) * 3 + 0.5, torch.rand(1) * 3
        x = torch.rand(16, 1) * 6 - 3
        y = a * torch.sin(x + b)
        yield x[:8], y[:8], x[8:], y[8:]


torch.manual_seed(0)
model = Net()
inner_lr = nn.ParameterDict({k.replace(".", "_"): nn.Parameter(torch.tensor(0.05))
                             for k, _ in model.named_parameters() if k.startswith("head")})
meta_opt = torch.optim.Adam([{"params": model.parameters()}, {"params": inner_lr.parameters(), "lr": 1e-3}], lr=5e-3)
for it in range(6):
    meta_opt.zero_grad()
    total = 0.0
    for sx, sy, qx, qy in tasks(4):
        fast = adapt(model, sx, sy, inner_lr, steps=2, first_order=it < 2)
        loss = nn.functional.mse_loss(functional_call(model, fast, (qx,)), qy) / 4
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_value_(model.parameters(), 10.0)
    meta_opt.step()
    print(f"iter {it} meta loss {total:.4f} lr {[round(v.item(), 4) for v in inner_lr.values()]}")
