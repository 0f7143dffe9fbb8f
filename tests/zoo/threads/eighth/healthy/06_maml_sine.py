import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call

torch.manual_seed(0)
INNER_LR, INNER_STEPS, SHOTS = 0.02, 1, 10

model = nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
meta_opt = torch.optim.Adam(model.parameters(), lr=2e-3)


def sample_task():
    amp, phase = torch.rand(()) * 4 + 1, torch.rand(()) * math.pi

    def draw(n):
        x = torch.rand(n, 1) * 10 - 5
        return x, amp * torch.sin(x + phase)

    return draw


def adapt(params, x, y, steps, create_graph):
    for _ in range(steps):
        loss = F.mse_loss(functional_call(model, params, x), y)
        grads = torch.autograd.grad(loss, list(params.values()), create_graph=create_graph)
        params = {k: p - INNER_LR * g for (k, p), g in zip(params.items(), grads)}
    return params


def test(n_tasks=60):
    before = after = 0.0
    for _ in range(n_tasks):
        draw = sample_task()
        x, y = draw(SHOTS)
        xq, yq = draw(60)
        params = dict(model.named_parameters())
        fast = adapt(params, x, y, 5, create_graph=False)
        with torch.no_grad():
            before += F.mse_loss(model(xq), yq).item()
            after += F.mse_loss(functional_call(model, fast, xq), yq).item()
    return before / n_tasks, after / n_tasks


print("start: before %.3f after %.3f" % test())
for it in range(500):
    meta_opt.zero_grad()
    meta_loss = 0.0
    for _ in range(4):
        draw = sample_task()
        x, y = draw(SHOTS)
        fast = adapt(dict(model.named_parameters()), x, y, INNER_STEPS, create_graph=True)
        xq, yq = draw(SHOTS)
        loss = F.mse_loss(functional_call(model, fast, xq), yq) / 4
        loss.backward()
        meta_loss += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    meta_opt.step()
    if it % 100 == 99:
        print(f"it {it + 1} query loss {meta_loss:.3f} | before %.3f after %.3f" % test())
