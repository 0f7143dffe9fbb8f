import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class SimSiam(nn.Module):
    def __init__(self, dim=24, hid=48, out=32):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(dim, hid), nn.ReLU())
        self.projector = nn.Sequential(
            nn.Linear(hid, out, bias=False), nn.BatchNorm1d(out), nn.ReLU(),
            nn.Linear(out, out, bias=False), nn.BatchNorm1d(out, affine=False))
        self.predictor = nn.Sequential(
            nn.Linear(out, out // 4, bias=False), nn.BatchNorm1d(out // 4), nn.ReLU(), nn.Linear(out // 4, out))
        self.probe = nn.Linear(hid, 4)

    def forward(self, x1, x2, y):
        h1, h2 = self.backbone(x1), self.backbone(x2)
        z1, z2 = self.projector(h1), self.projector(h2)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        sim = -(F.cosine_similarity(p1, z2.detach()).mean() + F.cosine_similarity(p2, z1.detach()).mean()) / 2
        probe = F.cross_entropy(self.probe(h1.detach()), y)
        return {"sim": sim, "probe": probe, "std": F.normalize(z1.detach(), dim=1).std(0).mean()}


def adjust_lr(optimizer, init_lr, epoch, epochs):
    cur = init_lr * 0.5 * (1.0 + math.cos(math.pi * epoch / epochs))
    for g in optimizer.param_groups:
        g["lr"] = init_lr if g.get("fix_lr") else cur


torch.manual_seed(0)
model = SimSiam()
fixed = [*model.predictor.parameters(), *model.probe.parameters()]
others = [p for n, p in model.named_parameters() if not n.startswith(("predictor", "probe"))]
opt = torch.optim.SGD([{"params": others, "fix_lr": False}, {"params": fixed, "fix_lr": True}],
                      lr=0.05, momentum=0.9, weight_decay=1e-4)
data, labels = torch.randn(128, 24), torch.randint(0, 4, (128,))
for epoch in range(5):
    adjust_lr(opt, 0.05, epoch, 5)
    jitter = lambda: data + 0.2 * torch.randn_like(data)
    losses = model(jitter(), jitter(), labels)
    loss = losses["sim"] + losses["probe"]
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(epoch, {k: round(v.item(), 4) for k, v in losses.items()})
