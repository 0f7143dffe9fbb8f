import random

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(6)
random.seed(6)


class SharedNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(10, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.depth = nn.Linear(48, 1)
        self.label = nn.Linear(48, 3)
        self.normal = nn.Linear(48, 2)

    def forward(self, x):
        h = self.shared(x)
        return self.depth(h), self.label(h), F.normalize(self.normal(h), dim=1)


w = torch.randn(10, 6)
x_all = torch.randn(1200, 10)
z = torch.tanh(x_all @ w)
depth_all = z[:, :1] * 2
label_all = z[:, 1:4].argmax(1)
normal_all = F.normalize(z[:, 4:6], dim=1)

model = SharedNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
params = list(model.parameters())


def flat_grad(loss):
    optimizer.zero_grad(set_to_none=True)
    loss.backward(retain_graph=True)
    pieces = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in params]
    return torch.cat([g.flatten() for g in pieces])


def project(grads):
    merged = []
    for i, g in enumerate(grads):
        g = g.clone()
        others = [k for k in range(len(grads)) if k != i]
        random.shuffle(others)
        for k in others:
            dot = torch.dot(g, grads[k])
            if dot < 0:
                g -= dot / (grads[k].norm() ** 2 + 1e-12) * grads[k]
        merged.append(g)
    return torch.stack(merged).sum(0)


def write_back(vector):
    start = 0
    for p in params:
        n = p.numel()
        p.grad = vector[start:start + n].view_as(p).clone()
        start += n


conflicts = 0
for step in range(1, 301):
    idx = torch.randint(0, len(x_all), (64,))
    depth, label, normal = model(x_all[idx])
    losses = [
        F.l1_loss(depth, depth_all[idx]),
        F.cross_entropy(label, label_all[idx]),
        (1 - (normal * normal_all[idx]).sum(1)).mean(),
    ]
    grads = [flat_grad(l) for l in losses]
    conflicts += sum(int(torch.dot(grads[a], grads[b]) < 0) for a in range(3) for b in range(a))
    write_back(project(grads))
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step:3d}  " + "  ".join(f"{l.item():.4f}" for l in losses) + f"  conflicts {conflicts}")
