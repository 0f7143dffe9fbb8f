import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call


class SineNet(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(1, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, 1))

    def forward(self, x):
        return self.f(x)


class SineTasks:
    def sample(self, k):
        amp, phase = torch.rand(1) * 3 + 0.5, torch.rand(1) * 3.14
        x = torch.rand(2 * k, 1) * 8 - 4
        y = amp * torch.sin(x + phase)
        return (x[:k], y[:k]), (x[k:], y[k:])


def adapt(model, params, support, lr, steps, create_graph):
    x, y = support
    for _ in range(steps):
        loss = F.mse_loss(functional_call(model, params, (x,)), y)
        grads = torch.autograd.grad(loss, list(params.values()), create_graph=create_graph)
        params = {n: p - lr * g for (n, p), g in zip(params.items(), grads)}
    return params


def main():
    torch.manual_seed(0)
    model, tasks = SineNet(), SineTasks()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    for it in range(121):
        opt.zero_grad()
        total = 0.0
        first_order = it < 60
        for _ in range(4):
            support, query = tasks.sample(10)
            fast = adapt(model, dict(model.named_parameters()), support, 0.02, 2, create_graph=not first_order)
            q_loss = F.mse_loss(functional_call(model, fast, (query[0],)), query[1])
            (q_loss / 4).backward()
            total += q_loss.item() / 4
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
        if it % 30 == 0:
            print(f"iter {it:3d} {'first' if first_order else 'second'} order query loss {total:.4f}")


if __name__ == "__main__":
    main()
