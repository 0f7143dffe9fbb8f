"""DP-SGD with torch.func: vmap(grad) per-sample gradients, clipped, noised, applied by a hand-written update."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call, grad, vmap

torch.manual_seed(16)
CLIP, SIGMA, LR = 1.0, 0.02, 0.3

model = nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 3))


def compute_loss(params, sample, target):
    out = functional_call(model, params, (sample.unsqueeze(0),))
    return F.cross_entropy(out, target.unsqueeze(0))


per_sample = vmap(grad(compute_loss), in_dims=(None, 0, 0))


def private_gradients(params, x, y):
    grads = per_sample(params, x, y)
    flat = torch.cat([g.flatten(1) for g in grads.values()], 1)
    factor = (CLIP / (flat.norm(dim=1) + 1e-6)).clamp(max=1.0)
    out = {}
    for k, g in grads.items():
        clipped = (g * factor.view(-1, *[1] * (g.dim() - 1))).sum(0)
        out[k] = (clipped + SIGMA * CLIP * torch.randn_like(clipped)) / len(x)
    return out, factor.mean().item()


def dataset(n=512):
    x = torch.randn(n, 8)
    return x, (x @ W).argmax(1)


W = torch.randn(8, 3)
X, Y = dataset()
momentum = {k: torch.zeros_like(p) for k, p in model.named_parameters()}
for epoch in range(4):
    for idx in torch.randperm(len(X)).split(64):
        params = {k: p.detach() for k, p in model.named_parameters()}
        g, frac = private_gradients(params, X[idx], Y[idx])
        with torch.no_grad():
            for k, p in model.named_parameters():
                momentum[k].mul_(0.8).add_(g[k])
                p.sub_(LR * momentum[k])
    with torch.no_grad():
        out = model(X)
    print(f"epoch {epoch} loss {F.cross_entropy(out, Y).item():.4f} acc {(out.argmax(1) == Y).float().mean().item():.3f} clip {frac:.3f}")
