import torch
from torch import nn
from torch.func import functional_call

torch.manual_seed(0)


def as_leaves(tensors):
    return {k: v.detach().clone().requires_grad_() for k, v in tensors.items()}


def rewind(start, masks):
    return as_leaves({k: v * masks[k] for k, v in start.items()})


def magnitude_masks(params, keep):
    masks = {}
    for name, p in params.items():
        if p.ndim < 2:
            masks[name] = torch.ones_like(p)
            continue
        cut = p.detach().abs().flatten().quantile(1 - keep)
        masks[name] = (p.detach().abs() >= cut).float()
    return masks


def dataset(n):
    x = torch.randn(n, 10)
    return x, (x[:, 0] * x[:, 1] > 0).long()


def run(net, params, masks, optim, steps):
    for _ in range(steps):
        x, y = dataset(128)
        used = {k: v * masks[k] for k, v in params.items()}
        loss = nn.functional.cross_entropy(functional_call(net, used, (x,)), y)
        optim.zero_grad()
        loss.backward()
        optim.step()
    return loss.item()


def accuracy(net, params, masks):
    with torch.no_grad():
        x, y = dataset(4000)
        out = functional_call(net, {k: v * masks[k] for k, v in params.items()}, (x,))
        return (out.argmax(1) == y).float().mean().item()


net = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
params = as_leaves(dict(net.named_parameters()))
start = {k: v.detach().clone() for k, v in params.items()}
masks = {k: torch.ones_like(v) for k, v in params.items()}
optim = torch.optim.Adam(params.values(), lr=3e-3)
for round_index in range(3):
    loss = run(net, params, masks, optim, steps=200)
    print(f"round {round_index} loss {loss:.3f} accuracy {accuracy(net, params, masks):.3f}")
    masks = magnitude_masks(params, keep=0.5)
    params = rewind(start, masks)
