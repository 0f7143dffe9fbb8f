import copy
from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F

opt = SimpleNamespace(distillation=1.0, lr=0.05, n_class=6, threshold=0.25, steps=5)


class SegNet(nn.Module):
    def __init__(self, n_class):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=2, dilation=2), nn.BatchNorm2d(16), nn.ReLU())
        self.head = nn.Conv2d(16, n_class, 1)

    def forward(self, x):
        feat = self.backbone(x)
        return {"feat": feat, "out": self.head(feat)}


class CustomModel:
    def __init__(self):
        self.base = SegNet(opt.n_class)
        self.teacher = copy.deepcopy(self.base)
        for p in self.teacher.parameters():
            p.data.add_(0.3 * torch.randn_like(p))
            p.requires_grad = False
        self.teacher.eval()
        self.optimizer = torch.optim.SGD(self.base.parameters(), lr=opt.lr, momentum=0.9)

    def step(self, source, labels, target, target_strong):
        source_out = self.base(source)
        loss_ce = F.cross_entropy(source_out["out"], labels, ignore_index=250)
        target_out = self.base(target_strong)
        with torch.no_grad():
            teacher_prob = F.softmax(self.teacher(target)["out"], dim=1)
            conf, pseudo = teacher_prob.max(1)
            pseudo[conf < opt.threshold] = 250
        loss = loss_ce + F.cross_entropy(target_out["out"], pseudo, ignore_index=250)

        student = F.softmax(target_out["out"], dim=1)
        loss_kd = F.kl_div(student, teacher_prob, reduction="none")
        mask = (teacher_prob != 250).float()
        loss_kd = (loss_kd * mask).sum() / mask.sum()
        loss = loss + opt.distillation * loss_kd
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss_ce.item(), loss_kd.item()


torch.manual_seed(0)
model = CustomModel()
src, lab, tgt = torch.rand(2, 3, 16, 16), torch.randint(0, opt.n_class, (2, 16, 16)), torch.rand(2, 3, 16, 16)
for i in range(opt.steps):
    ce, kd = model.step(src, lab, tgt, tgt + 0.1 * torch.randn_like(tgt))
    print(f"iter {i} ce {ce:.4f} kd {kd:.4f}")
