"""SimSiam: predictor on one branch, stop-gradient on the other."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(10)


def neg_cos(p, z):
    return -F.cosine_similarity(p, z.detach(), dim=-1).mean()


class SimSiam(nn.Module):
    def __init__(self, backbone, feat=24, out=16, bottleneck=8):
        super().__init__()
        self.backbone = backbone
        self.projection_mlp = nn.Sequential(nn.Linear(feat, out, bias=False), nn.BatchNorm1d(out), nn.ReLU(),
                                            nn.Linear(out, out, bias=False), nn.BatchNorm1d(out, affine=False))
        self.prediction_mlp = nn.Sequential(nn.Linear(out, bottleneck, bias=False), nn.BatchNorm1d(bottleneck),
                                            nn.ReLU(), nn.Linear(bottleneck, out))

    def forward(self, x0, x1):
        z0, z1 = (self.projection_mlp(self.backbone(v).flatten(1)) for v in (x0, x1))
        p0, p1 = self.prediction_mlp(z0), self.prediction_mlp(z1)
        return 0.5 * (neg_cos(p0, z1) + neg_cos(p1, z0)), z0


def augment(x):
    x = x + 0.1 * torch.randn_like(x)
    if torch.rand(()) < 0.5:
        x = x.flip(-1)
    return x * (0.8 + 0.4 * torch.rand(x.size(0), 1, 1, 1))


backbone = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
model = SimSiam(backbone)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)
for epoch in range(5):
    tot, std = 0.0, 0.0
    for _ in range(6):
        imgs = torch.rand(32, 1, 6, 6)
        imgs[:16, :, :3] += 1
        loss, z = model(augment(imgs), augment(imgs))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item() / 6
        std += F.normalize(z.detach(), dim=1).std(0).mean().item() / 6
    scheduler.step()
    print(f"epoch {epoch} loss {tot:.4f} z std {std:.4f}")
