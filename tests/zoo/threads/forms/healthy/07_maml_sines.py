import torch
from torch import nn
from torch.func import functional_call, grad, vmap

torch.manual_seed(0)

net = nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
params = {k: v.detach().clone().requires_grad_() for k, v in net.named_parameters()}
rates = {k: torch.tensor(0.05).requires_grad_() for k in params}


def error(p, x, y):
    return (functional_call(net, p, (x,)) - y).square().mean()


def adapt(p, x, y, steps=2):
    for _ in range(steps):
        g = grad(error)(p, x, y)
        p = {k: v - rates[k] * g[k] for k, v in p.items()}
    return p


def task_error(xs, ys, xq, yq):
    return error(adapt(params, xs, ys), xq, yq)


def tasks(n, shots=10):
    amp = 0.5 + 1.5 * torch.rand(n, 1, 1)
    phase = 3.14 * torch.rand(n, 1, 1)
    x = torch.rand(n, 2 * shots, 1) * 6 - 3
    y = amp * torch.sin(x + phase)
    return x[:, :shots], y[:, :shots], x[:, shots:], y[:, shots:]


optim = torch.optim.Adam([*params.values(), *rates.values()], lr=3e-3)
for step in range(300):
    loss = vmap(task_error)(*tasks(16)).mean()
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 60 == 0:
        print(step, round(loss.item(), 3))

batch = tasks(100)
before = vmap(lambda xs, ys, xq, yq: error(params, xq, yq))(*batch).mean().item()
print("query error before and after adapting", before, vmap(task_error)(*batch).mean().item())
