import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class ReverseLayerF(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * ctx.alpha, None


class RevGrad(nn.Module):
    def __init__(self, d_in=20, n_cls=3):
        super().__init__()
        self.sharedNet = nn.Sequential(nn.Linear(d_in, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.cls_fn = nn.Linear(32, n_cls)
        self.domain_fn = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x, alpha=1.0):
        f = self.sharedNet(x)
        return self.cls_fn(f), self.domain_fn(ReverseLayerF.apply(f, alpha))


def make_domains(n, d_in=20):
    centers = torch.randn(3, d_in) * 0.8
    ys, yt = torch.randint(0, 3, (n,)), torch.randint(0, 3, (n,))
    shift = torch.zeros(d_in)
    shift[:5] = 2.0
    return (centers[ys] + torch.randn(n, d_in), ys), (centers[yt] + torch.randn(n, d_in) + shift, yt)


@torch.no_grad()
def test(model, x, y):
    return (model(x)[0].argmax(1) == y).float().mean().item()


def train(model, source, target, iterations=180, lr=0.02, momentum=0.9, l2_decay=5e-4, batch=64):
    opt_args = dict(lr=lr, momentum=momentum, weight_decay=l2_decay)
    optimizer_fea = torch.optim.SGD([
        {"params": model.sharedNet.parameters(), "base": 0.5},
        {"params": model.cls_fn.parameters(), "base": 1.0},
    ], **opt_args)
    optimizer_critic = torch.optim.SGD([{"params": model.domain_fn.parameters(), "base": 1.0}], **opt_args)
    for i in range(1, iterations + 1):
        decay = lr / math.pow(1 + 10 * (i - 1) / iterations, 0.75)
        for opt in (optimizer_fea, optimizer_critic):
            for g in opt.param_groups:
                g["lr"] = g["base"] * decay
        alpha = 2 / (1 + math.exp(-10 * i / iterations)) - 1
        si, ti = torch.randint(0, len(source[1]), (batch,)), torch.randint(0, len(target[1]), (batch,))
        s_out, s_dom = model(source[0][si], alpha)
        _, t_dom = model(target[0][ti], alpha)
        cls_loss = F.cross_entropy(s_out, source[1][si])
        dom_loss = F.cross_entropy(s_dom, torch.zeros(batch, dtype=torch.long)) + \
            F.cross_entropy(t_dom, torch.ones(batch, dtype=torch.long))
        loss = cls_loss + dom_loss
        optimizer_fea.zero_grad()
        optimizer_critic.zero_grad()
        loss.backward()
        optimizer_fea.step()
        if i % 30 == 0:
            dom_acc = ((s_dom.argmax(1) == 0).float().mean() + (t_dom.argmax(1) == 1).float().mean()) / 2
            print(f"iter {i:3d} cls {cls_loss.item():.4f} dom {dom_loss.item():.4f} dom acc {dom_acc.item():.3f} "
                  f"source {test(model, *source):.3f} target {test(model, *target):.3f}")


def main():
    torch.manual_seed(0)
    source, target = make_domains(800)
    model = RevGrad()
    before = [p.detach().clone() for p in model.domain_fn.parameters()]
    train(model, source, target)
    delta = max((p - b).abs().max().item() for p, b in zip(model.domain_fn.parameters(), before))
    print(f"domain_fn change {delta:.5f}")


if __name__ == "__main__":
    main()
