import torch
from torch import nn

torch.manual_seed(0)


class Ranker(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, 32))
        self.cross_encoder_head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
        self.score_bias = nn.Parameter(torch.zeros(1))

    def forward(self, query, doc):
        joint = torch.cat([self.encoder(query), self.encoder(doc)], dim=-1)
        return {"score": self.cross_encoder_head(joint).squeeze(-1) + self.score_bias}


def freeze(model, keyword):
    frozen = 0
    for name, p in model.named_parameters():
        if keyword in name:
            p.requires_grad_(False)
            frozen += p.numel()
    return frozen


def build(cfg):
    model = Ranker(cfg["dim"])
    if cfg.get("freeze"):
        print("frozen values:", freeze(model, cfg["freeze"]))
    decay = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    rest = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [dict(params=ps, weight_decay=wd) for ps, wd in ((decay, 0.01), (rest, 0.0)) if ps]
    return model, torch.optim.AdamW(groups, lr=cfg["lr"])


def pairs(n, dim):
    q, d = torch.randn(n, dim), torch.randn(n, dim)
    flip = torch.rand(n, 1) < 0.5
    d = torch.where(flip, q + 0.5 * d, d)
    return q, d, flip.float().squeeze(1)


cfg = {"dim": 16, "lr": 3e-3, "freeze": "encoder"}
model, optim = build(cfg)
for step in range(250):
    q, d, y = pairs(128, cfg["dim"])
    out = model(q, d)
    loss = nn.functional.binary_cross_entropy_with_logits(out["score"], y)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 50 == 0:
        acc = ((out["score"] > 0) == y.bool()).float().mean()
        print(step, f"loss {loss.item():.4f} acc {acc.item():.3f}")
