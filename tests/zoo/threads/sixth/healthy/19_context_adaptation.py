"""Few-shot regression: only a task context vector is adapted inside, everything else outside."""
import math
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(29)
CONTEXT, SHOTS, TASKS = 6, 8, 8


class ContextNet(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.fc1 = nn.Linear(1 + CONTEXT, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 1)
        self.log_lr = nn.Parameter(torch.zeros(CONTEXT))

    def forward(self, x, context):
        h = torch.cat([x, context.unsqueeze(1).expand(-1, x.size(1), -1)], dim=-1)
        h = torch.tanh(self.fc1(h))
        return self.out(torch.tanh(self.fc2(h)))


def tasks(n):
    amp = 0.5 + 2.0 * torch.rand(n, 1, 1)
    phase = math.pi * torch.rand(n, 1, 1)
    xs, xq = 6 * torch.rand(2, n, SHOTS, 1) - 3
    return xs, amp * torch.sin(xs + phase), xq, amp * torch.sin(xq + phase)


def adapt(model, x, y, steps, second_order):
    context = torch.zeros(x.size(0), CONTEXT, requires_grad=True)
    for _ in range(steps):
        loss = F.mse_loss(model(x, context), y, reduction="none").mean(dim=(1, 2)).sum()
        (grad,) = torch.autograd.grad(loss, context, create_graph=second_order)
        context = context - model.log_lr.exp() * grad
    return context


model = ContextNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
curve = []
for step in range(500):
    xs, ys, xq, yq = tasks(TASKS)
    context = adapt(model, xs, ys, steps=2, second_order=step >= 100)
    loss = F.mse_loss(model(xq, context), yq)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    curve.append(loss.item())
    if (step + 1) % 100 == 0:
        print(f"step {step + 1:3d} query loss {sum(curve[-100:]) / 100:.4f} "
              f"inner lr {model.log_lr.exp().mean().item():.3f}")

xs, ys, xq, yq = tasks(200)
before = F.mse_loss(model(xq, torch.zeros(200, CONTEXT)), yq).item()
context = adapt(model, xs, ys, steps=2, second_order=False).detach()
with torch.no_grad():
    after = F.mse_loss(model(xq, context), yq).item()
print(f"held-out tasks: before adaptation {before:.4f} after {after:.4f}")
