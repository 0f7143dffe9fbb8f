import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class PatchViT(nn.Module):
    def __init__(self, patch=4, img=12, dim=32, n_cls=3):
        super().__init__()
        self.patch = nn.Conv2d(1, dim, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos = nn.Parameter(torch.zeros(1, (img // patch) ** 2 + 1, dim))
        layer = nn.TransformerEncoderLayer(dim, 4, 64, dropout=0.1, batch_first=True, norm_first=True)
        self.enc = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(dim, n_cls)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.size(0), -1, -1), x], 1) + self.pos
        return self.head(self.enc(x)[:, 0])


def param_groups(model, wd):
    decay, rest = [], []
    for n, p in model.named_parameters():
        (rest if p.dim() <= 1 or n in ("cls", "pos") else decay).append(p)
    return [{"params": decay, "weight_decay": wd}, {"params": rest, "weight_decay": 0.0}]


def lr_lambda(step, warmup=20, total=120):
    if step < warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def images(n):
    y = torch.randint(0, 3, (n,))
    x = torch.randn(n, 1, 12, 12) * 0.5
    for i, c in enumerate(y.tolist()):
        x[i, 0, c * 4:c * 4 + 4] += 1.0
    return x, y


def main():
    torch.manual_seed(0)
    model = PatchViT()
    opt = torch.optim.AdamW(param_groups(model, 0.05), lr=3e-3)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lr_lambda)
    model.train()
    for step in range(120):
        x, y = images(32)
        loss = F.cross_entropy(model(x), y, label_smoothing=0.05)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        used = opt.param_groups[0]["lr"]
        opt.step()
        sched.step()
        if step % 20 == 0:
            print(f"step {step:3d} lr {used:.2e} loss {loss.item():.4f}")
    model.eval()
    x, y = images(200)
    with torch.no_grad():
        print("accuracy", (model(x).argmax(1) == y).float().mean().item())


if __name__ == "__main__":
    main()
