"""Domain-adversarial time-series classifier with a custom gradient-reversal Function and binary gates."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(5)
C, T, CLASSES = 4, 24, 3


class ReverseGrad(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.scale * grad, None


class BinaryGate(torch.autograd.Function):
    """Hard 0/1 in forward, clipped identity in backward."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * (x.abs() <= 1).to(grad.dtype)


class DANN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv1d(C, 32, 5, padding=2), nn.ReLU(), nn.Conv1d(32, 32, 5, padding=2),
                                      nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.gate = nn.Parameter(0.3 + 0.2 * torch.randn(32))
        self.label = nn.Linear(32, CLASSES)
        self.domain = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x, scale):
        h = self.features(x) * BinaryGate.apply(self.gate)
        return self.label(h), self.domain(ReverseGrad.apply(h, scale)).squeeze(1)


def batch(n, mix, shift):
    y = torch.randint(0, CLASSES, (n,))
    t = torch.arange(T).float()
    base = torch.sin(t[None] * (0.4 + 0.5 * y[:, None]) + 6.28 * torch.rand(n, 1))
    x = torch.stack([base, base.roll(2, 1), torch.randn(n, T), torch.randn(n, T)], 1)
    return torch.einsum("dc,nct->ndt", mix, x) + shift[:, None] + 0.3 * torch.randn(n, C, T), y


def main():
    mix_s = torch.eye(C)
    mix_t = torch.eye(C) + 0.15 * torch.randn(C, C)
    shift_s, shift_t = torch.zeros(C), 0.5 * torch.randn(C)
    model = DANN()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    steps = 200
    for step in range(steps + 1):
        scale = 0.3 * step / steps
        xs, ys = batch(64, mix_s, shift_s)
        xt, _ = batch(64, mix_t, shift_t)
        logits, dom_s = model(xs, scale)
        _, dom_t = model(xt, scale)
        dom = torch.cat([dom_s, dom_t])
        dom_y = torch.cat([torch.ones(64), torch.zeros(64)])
        cls_loss = F.cross_entropy(logits, ys)
        dom_loss = F.binary_cross_entropy_with_logits(dom, dom_y)
        optimizer.zero_grad()
        (cls_loss + dom_loss).backward()
        optimizer.step()
        if step % 50 == 0:
            with torch.no_grad():
                xt, yt = batch(256, mix_t, shift_t)
                acc = (model(xt, 0.0)[0].argmax(1) == yt).float().mean()
            print(f"step {step:3d} class {cls_loss.item():.4f} domain {dom_loss.item():.4f} "
                  f"target acc {acc:.3f} open gates {(model.gate > 0).sum().item()}")


if __name__ == "__main__":
    main()
