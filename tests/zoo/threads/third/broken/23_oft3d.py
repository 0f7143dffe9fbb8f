# monocular 3D detection on a bird's eye grid: score / position / dimension / angle
from collections import OrderedDict
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(14)
GRID = 6


class OftNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.frontend = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.GroupNorm(3, 12), nn.ReLU())
        self.topdown = nn.Sequential(nn.Conv2d(12, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU())
        self.score_head = nn.Conv2d(16, 1, 1)
        self.pos_head = nn.Conv2d(16, 3, 1)
        self.dim_head = nn.Conv2d(16, 3, 1)
        self.ang_head = nn.Conv2d(16, 2, 1)

    def forward(self, image):
        feats = self.topdown(self.frontend(image))
        return self.score_head(feats), self.pos_head(feats), self.dim_head(feats), self.ang_head(feats)


def masked_l1(pred, gt, mask):
    return (F.l1_loss(pred, gt, reduction="none") * mask).sum() / mask.sum().clamp(min=1)


def compute_loss(pred_encoded, gt_encoded, loss_weights=(1.0, 1.0, 1.0, 1.0)):
    score, pos, dim, ang = pred_encoded
    heatmap, gt_pos, gt_dim, gt_ang, mask = gt_encoded
    score_loss = F.l1_loss(torch.sigmoid(score), heatmap)
    pos_loss = masked_l1(pos, gt_pos, mask)
    dim_loss = masked_l1(dim, gt_dim, mask)
    ang_loss = masked_l1(ang, gt_ang, mask)

    losses = OrderedDict(score=score_loss, position=pos_loss, dimension=dim_loss, angle=ang_loss)
    total = sum(w * l for w, l in zip(loss_weights, losses.values()))
    losses["total"] = total
    total = score_loss
    return total, losses


def scenes(b=4):
    img = 0.2 * torch.randn(b, 3, GRID, GRID)
    mask = (torch.rand(b, 1, GRID, GRID) < 0.15).float()
    img = img + mask
    theta = torch.rand(b, 1, GRID, GRID) * 3.14
    img[:, 1:2] += mask * theta.cos()
    gt_pos = torch.ones(b, 3, GRID, GRID) * torch.tensor([0.3, -0.2, 0.5]).view(1, 3, 1, 1)
    gt_dim = torch.ones(b, 3, GRID, GRID) * torch.tensor([1.6, 1.5, 3.9]).view(1, 3, 1, 1)
    gt_ang = torch.cat([theta.cos(), theta.sin()], 1)
    return img, (mask, gt_pos, gt_dim, gt_ang, mask)


model = OftNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
summary = OrderedDict()
for it in range(24):
    image, gt = scenes()
    optimizer.zero_grad()
    loss, losses = compute_loss(model(image), gt)
    loss.backward()
    optimizer.step()
    for k, v in losses.items():
        summary[k] = summary.get(k, 0.0) + v.item() / 8
    if it % 8 == 7:
        print("==>", " ".join(f"{k}:{v:.3f}" for k, v in summary.items()))
        summary.clear()
