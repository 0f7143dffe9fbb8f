import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call

torch.manual_seed(1)

INNER_STEPS, FIRST_ORDER_WARMUP = 3, 40


class Regressor(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.body(x))


class MetaLearner(nn.Module):
    """MAML with a learned step size per parameter tensor."""

    def __init__(self, net, inner_lr=0.05):
        super().__init__()
        self.net = net
        self.names = [n for n, _ in net.named_parameters()]
        self.log_lr = nn.ParameterList(
            [nn.Parameter(torch.tensor(math.log(inner_lr))) for _ in self.names])

    def adapt(self, x, y, second_order):
        fast = dict(self.net.named_parameters())
        for _ in range(INNER_STEPS):
            loss = F.mse_loss(functional_call(self.net, fast, (x,)), y)
            grads = torch.autograd.grad(loss, list(fast.values()), create_graph=second_order)
            if not second_order:
                grads = [g.detach() for g in grads]
            fast = {n: p - lr.exp() * g
                    for (n, p), lr, g in zip(fast.items(), self.log_lr, grads)}
        return fast

    def forward(self, support, query, second_order=True):
        fast = self.adapt(*support, second_order)
        return F.mse_loss(functional_call(self.net, fast, (query[0],)), query[1])


def task():
    amp, phase = 1 + 2 * torch.rand(1), math.pi * torch.rand(1)

    def draw(k):
        x = 10 * torch.rand(k, 1) - 5
        return x, amp * torch.sin(x + phase)

    return draw(10), draw(15)


@torch.no_grad()
def before_adaptation(meta, query):
    return F.mse_loss(meta.net(query[0]), query[1]).item()


meta = MetaLearner(Regressor())
opt = torch.optim.Adam([
    {"params": meta.net.parameters(), "lr": 3e-3},
    {"params": meta.log_lr.parameters(), "lr": 1e-3},
])

pre = post = 0.0
for it in range(161):
    opt.zero_grad()
    second = it >= FIRST_ORDER_WARMUP
    for _ in range(8):
        support, query = task()
        loss = meta(support, query, second) / 8
        loss.backward()
        post = 0.99 * post + 0.01 * loss.item() * 8 if post else loss.item() * 8
    nn.utils.clip_grad_norm_(meta.parameters(), 10.0)
    opt.step()
    pre = before_adaptation(meta, query)
    if it % 40 == 0:
        lrs = [round(p.exp().item(), 4) for p in meta.log_lr]
        print(f"it {it} second_order {second} query before {pre:.3f} after(avg) {post:.3f} lrs {lrs}")
