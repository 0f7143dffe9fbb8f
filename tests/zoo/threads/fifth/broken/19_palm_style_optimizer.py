import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class ForeachPaLM(torch.optim.Optimizer):
    def __init__(self, params, lr=0.02, beta=0.9, beta2_scale=0.8, eps=1e-8, weight_decay=0.0, warmup_steps=5):
        defaults = dict(lr=lr, beta=beta, beta2_scale=beta2_scale, eps=eps, weight_decay=weight_decay,
                        warmup_steps=warmup_steps, k=0)
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        if closure is None:
            loss = None
        else:
            loss = closure()
        for group in self.param_groups:
            group["k"] += 1
            k = group["k"]
            active = [p for p in group["params"] if p.grad is not None]
            if not active:
                continue
            for p in active:
                st = self.state[p]
                if not st:
                    st["exp_avg"], st["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
            grads = [p.grad for p in active]
            m = [self.state[p]["exp_avg"] for p in active]
            v = [self.state[p]["exp_avg_sq"] for p in active]
            beta2 = 1 - k ** -group["beta2_scale"]
            torch._foreach_lerp_(m, grads, 1 - group["beta"])
            torch._foreach_mul_(v, beta2)
            torch._foreach_addcmul_(v, grads, grads, 1 - beta2)
            denom = torch._foreach_sqrt(v)
            torch._foreach_add_(denom, group["eps"])
            lr = group["lr"] * min(1.0, k / group["warmup_steps"])
            if group["weight_decay"]:
                torch._foreach_mul_(active, 1 - lr * group["weight_decay"])
            torch._foreach_addcdiv_(active, m, denom, -lr)
        return loss


class Regressor(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, x):
        return self.net(x)


class LitTrainer:
    def __init__(self, model, optimizer, max_steps):
        self.model, self.optimizer, self.max_steps = model, optimizer, max_steps

    def training_step(self, batch):
        x, y = batch
        return F.mse_loss(self.model(x), y)

    def fit(self, sampler):
        for step in range(self.max_steps):
            batch = sampler()

            def closure():
                self.optimizer.zero_grad()
                loss = self.training_step(batch)
                loss.backward()
                return loss

            loss = self.optimizer.step(closure)
            if step % 50 == 0:
                print(f"step {step:4d} loss {loss.item():.5f}")


def sample_surface(n=256):
    x = torch.rand(n, 2) * 2 - 1
    y = torch.sin(math.pi * x[:, :1]) * x[:, 1:] ** 2
    return x, y


def main():
    torch.manual_seed(0)
    model = Regressor()
    optimizer = ForeachPaLM(model.parameters(), lr=5e-3, weight_decay=1e-3)
    LitTrainer(model, optimizer, 300).fit(sample_surface)


if __name__ == "__main__":
    main()
