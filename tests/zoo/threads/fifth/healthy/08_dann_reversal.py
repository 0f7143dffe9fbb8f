import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class GradientReversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, lam):
        ctx.lam = lam
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return -ctx.lam * grad_output, None


class DANN(nn.Module):
    def __init__(self, d=12):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(d, 32), nn.ReLU())
        self.label = nn.Linear(32, 2)
        self.domain = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x, lam):
        f = self.features(x)
        return self.label(f), self.domain(GradientReversal.apply(f, lam)).squeeze(1)


def batch(n, shifted):
    y = torch.randint(0, 2, (n,))
    x = torch.randn(n, 12)
    x[:, 0] += 3 * y - 1.5
    if shifted:
        x[:, 6:] += 1.5
    return x, y


def main():
    torch.manual_seed(0)
    model = DANN()
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    total = 200
    for it in range(total):
        lam = 2 / (1 + math.exp(-10 * it / total)) - 1
        xs, ys = batch(32, False)
        xt, _ = batch(32, True)
        logits, ds = model(xs, lam)
        _, dt = model(xt, lam)
        dom = torch.cat([ds, dt])
        dom_y = torch.cat([torch.zeros(32), torch.ones(32)])
        loss = F.cross_entropy(logits, ys) + 0.1 * F.binary_cross_entropy_with_logits(dom, dom_y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if it % 50 == 49:
            with torch.no_grad():
                xv, yv = batch(300, True)
                acc = (model(xv, 0.0)[0].argmax(1) == yv).float().mean().item()
            print(f"iter {it + 1} lambda {lam:.3f} loss {loss.item():.4f} target acc {acc:.3f}")


if __name__ == "__main__":
    main()
