from dataclasses import dataclass, field

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class DistillConfig:
    temperature: float = 3.0
    weights: dict = field(default_factory=lambda: {"ce": 1.0, "kd": 0.5, "feat": 0.5})
    feat_warmup: int = 2


class SmallNet(nn.Module):
    def __init__(self, width, n_in=16, n_out=5):
        super().__init__()
        self.f1, self.f2 = nn.Linear(n_in, width), nn.Linear(width, width)
        self.cls = nn.Linear(width, n_out)

    def forward(self, x):
        h1 = F.relu(self.f1(x))
        h2 = F.relu(self.f2(h1))
        return self.cls(h2), (h1, h2)


class FeatureDistiller(nn.Module):
    def __init__(self, teacher, student, cfg):
        super().__init__()
        self.teacher, self.student, self.cfg = teacher.eval(), student, cfg
        self.teacher.requires_grad_(False)
        tw, sw = teacher.f1.out_features, student.f1.out_features
        self.adapters = nn.ModuleList(nn.Linear(sw, tw) for _ in range(2))

    def train(self, mode=True):
        super().train(mode)
        self.teacher.eval()
        return self

    def trainable(self):
        return [*self.student.parameters(), *self.adapters.parameters()]

    def losses(self, x, y, step):
        with torch.inference_mode():
            t_logits, t_feats = self.teacher(x)
        t_logits, t_feats = t_logits.clone(), [f.clone() for f in t_feats]
        s_logits, s_feats = self.student(x)
        T, w = self.cfg.temperature, dict(self.cfg.weights)
        if step < self.cfg.feat_warmup:
            w["feat"] = 0.0
        out = {
            "ce": F.cross_entropy(s_logits, y),
            "kd": F.kl_div(F.log_softmax(s_logits / T, 1), F.softmax(t_logits / T, 1), reduction="batchmean") * T * T,
            "feat": sum(F.mse_loss(a(s), t) for a, s, t in zip(self.adapters, s_feats, t_feats)),
        }
        return sum(w[k] * v for k, v in out.items()), {k: v.item() for k, v in out.items()}
