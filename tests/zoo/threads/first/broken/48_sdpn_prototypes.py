import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = dict(num_proto=24, output_dim=16, feat_dim=20, lr=0.05, momentum=0.99, temp_s=0.1, temp_t=0.04)


class SpeakerEncoder(nn.Module):
    def __init__(self, feat_dim, out):
        super().__init__()
        self.frame = nn.Sequential(nn.Conv1d(feat_dim, 32, 5, padding=2), nn.ReLU(), nn.Conv1d(32, 32, 3, padding=1))
        self.embedding = nn.Linear(64, out)

    def forward(self, x):
        h = self.frame(x)
        return self.embedding(torch.cat([h.mean(-1), h.std(-1)], 1))


def make_prototypes(cfg):
    with torch.no_grad():
        prototypes = torch.empty(cfg["num_proto"], cfg["output_dim"])
        bound = (1.0 / cfg["output_dim"]) ** 0.5
        nn.init.uniform_(prototypes, -bound, bound)
        prototypes = nn.parameter.Parameter(prototypes).to(torch.float32)
    prototypes.requires_grad = True
    return prototypes


def sdpn_loss(student, teacher, prototypes, cfg):
    p = F.normalize(prototypes, dim=1)
    log_s = F.log_softmax(F.normalize(student, dim=1) @ p.t() / cfg["temp_s"], dim=1)
    with torch.no_grad():
        t = F.softmax(F.normalize(teacher, dim=1) @ p.t() / cfg["temp_t"], dim=1)
    me_max = -(log_s.exp().mean(0) * log_s.exp().mean(0).log()).sum()
    return -(t * log_s).sum(1).mean() - me_max


def train(cfg, steps=5):
    torch.manual_seed(0)
    student = SpeakerEncoder(cfg["feat_dim"], cfg["output_dim"])
    teacher = copy.deepcopy(student).requires_grad_(False)
    prototypes = make_prototypes(cfg)
    optimizer = torch.optim.SGD(student.parameters(), lr=cfg["lr"], momentum=0.9)
    for step in range(steps):
        x = torch.randn(16, cfg["feat_dim"], 50)
        loss = sdpn_loss(student(x[..., :30]), teacher(x), prototypes, cfg)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for q, k in zip(student.parameters(), teacher.parameters()):
                k.mul_(cfg["momentum"]).add_(q, alpha=1 - cfg["momentum"])
        print(f"step {step} loss {loss.item():.4f}")
    return {"student": student.state_dict(), "teacher": teacher.state_dict(), "prototypes": prototypes}


save_dict = train(CONFIG)
