import torch
from torch import nn
from torch.func import functional_call, grad_and_value, vmap

torch.manual_seed(0)


def make_spirals(n=120):
    t = torch.rand(n) * 3 + 0.3
    s = torch.randint(0, 2, (n,))
    ang = t * 2 + s * torch.pi
    pts = torch.stack([t * ang.cos(), t * ang.sin()], 1)
    return pts + 0.05 * torch.randn(n, 2), s


model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
params = {k: v.detach().clone() for k, v in model.named_parameters()}


def sample_loss(params, x, y):
    logits = functional_call(model, params, (x.unsqueeze(0),))
    return nn.functional.cross_entropy(logits, y.unsqueeze(0))


per_sample = vmap(grad_and_value(sample_loss), in_dims=(None, 0, 0))


def private_step(params, x, y, lr=0.3, clip=1.0):
    grads, losses = per_sample(params, x, y)
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in grads.values()]).norm(dim=0)
    scale = (clip / (norms + 1e-6)).clamp(max=1.0)
    new = {}
    for k, g in grads.items():
        g = (g * scale.view(-1, *[1] * (g.dim() - 1))).mean(0)
        new[k] = params[k] - lr * g
    return new, losses.mean()


def evaluate(x, y):
    with torch.no_grad():
        logits = model(x)
    return nn.functional.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


x, y = make_spirals()
for epoch in range(5):
    params, loss = private_step(params, x, y)
    val_loss, acc = evaluate(x, y)
    print(f"epoch {epoch}: dp loss {loss.item():.4f} | model loss {val_loss:.4f} acc {acc:.3f}")
