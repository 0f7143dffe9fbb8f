"""SimCLR-like pretraining with an online linear probe for monitoring."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class Method(nn.Module):
    def __init__(self, n_classes=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 24))
        self.projector = nn.Sequential(nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 12))
        self.classifier = nn.Linear(24, n_classes)

    def base_forward(self, x):
        feats = self.encoder(x)
        logits = self.classifier(feats.detach())
        return {"feats": feats, "logits": logits, "z": self.projector(feats)}


def nt_xent(z1, z2, t=0.5):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    sim = z @ z.t() / t
    sim = sim.masked_fill(torch.eye(len(z), dtype=torch.bool), float("-inf"))
    n = len(z1)
    target = torch.cat([torch.arange(n) + n, torch.arange(n)])
    return F.cross_entropy(sim, target)


def views(centers, n=32):
    y = torch.randint(0, 4, (n,))
    x = centers[y] + 0.5 * torch.randn(n, 16)
    return x + 0.1 * torch.randn_like(x), x + 0.1 * torch.randn_like(x), y


model = Method()
optimizer = torch.optim.SGD([
    {"params": list(model.encoder.parameters()) + list(model.projector.parameters()), "lr": 0.1},
    {"params": model.classifier.parameters(), "lr": 0.3, "weight_decay": 0.0},
], momentum=0.9)
centers = torch.randn(4, 16)
for step in range(20):
    x1, x2, y = views(centers)
    o1, o2 = model.base_forward(x1), model.base_forward(x2)
    ssl = nt_xent(o1["z"], o2["z"])
    probe = 0.5 * (F.cross_entropy(o1["logits"], y) + F.cross_entropy(o2["logits"], y))
    loss = ssl + probe
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        acc = (o1["logits"].argmax(1) == y).float().mean()
        print(f"step {step} ssl {ssl.item():.3f} probe {probe.item():.3f} acc {acc.item():.2f}")
