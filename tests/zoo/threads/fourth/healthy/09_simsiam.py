import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(8)


class SimSiam(nn.Module):
    def __init__(self, dim=20, hid=48, out=24):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(dim, hid), nn.BatchNorm1d(hid), nn.ReLU())
        self.projection_mlp = nn.Sequential(nn.Linear(hid, hid), nn.BatchNorm1d(hid), nn.ReLU(), nn.Linear(hid, out),
                                            nn.BatchNorm1d(out, affine=False))
        self.prediction_mlp = nn.Sequential(nn.Linear(out, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, out))

    def forward(self, x0, x1):
        z0 = self.projection_mlp(self.backbone(x0))
        p0 = self.prediction_mlp(z0)
        z1 = self.projection_mlp(self.backbone(x1))
        p1 = self.prediction_mlp(z1)
        return (z0, p0), (z1, p1)


class SymNegCosineSimilarityLoss(nn.Module):
    def _neg_cosine_simililarity(self, x, y):
        v = - F.cosine_similarity(x, y.detach(), dim=-1).mean()
        return v

    def forward(self, out0, out1):
        z0, p0 = out0
        z1, p1 = out1
        return self._neg_cosine_simililarity(p0, z1) / 2 + self._neg_cosine_simililarity(p1, z0) / 2


content = torch.randn(256, 20)
model = SimSiam()
criterion = SymNegCosineSimilarityLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
for epoch in range(12):
    total = 0.0
    for idx in torch.randperm(256).split(64):
        x0 = content[idx] + 0.4 * torch.randn(64, 20)
        x1 = content[idx] + 0.4 * torch.randn(64, 20)
        o0, o1 = model(x0, x1)
        loss = criterion(o0, o1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 4
    std = F.normalize(o0[0], dim=1).std(0).mean().item()
    if epoch % 2 == 0:
        print("epoch %d loss %.4f output std %.4f" % (epoch, total, std))
