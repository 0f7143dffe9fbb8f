"""Semi-supervised tabular classifier trained in mixed precision."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(10)
FEATURES, CLASSES = 20, 4
LABELLED, UNLABELLED = 200, 2000
MAX_NORM, THRESHOLD, LAMBDA_U = 1.0, 0.9, 0.5


def make_table(n, centers):
    y = torch.randint(0, CLASSES, (n,))
    return centers[y] + torch.randn(n, FEATURES), y


def weak(x):
    return x + 0.05 * torch.randn_like(x)


def strong(x):
    drop = (torch.rand_like(x) > 0.2).float()
    return x * drop + 0.2 * torch.randn_like(x)


class TabNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(FEATURES, 64), nn.ReLU(),
            nn.Linear(64, 64), nn.ReLU(),
        )
        self.head = nn.Linear(64, CLASSES)

    def forward(self, x):
        return self.head(self.body(x))


def ssl_loss(model, xl, yl, xu):
    n = xl.size(0)
    logits = model(torch.cat([weak(xl), weak(xu), strong(xu)]))
    logits_l = logits[:n]
    logits_w, logits_s = logits[n:].chunk(2)
    supervised = F.cross_entropy(logits_l.float(), yl)
    probs = logits_w.detach().float().softmax(-1)
    conf, pseudo = probs.max(-1)
    mask = (conf >= THRESHOLD).float()
    unsupervised = (F.cross_entropy(logits_s.float(), pseudo, reduction="none") * mask).mean()
    return supervised + LAMBDA_U * unsupervised, supervised, mask.mean()


centers = torch.randn(CLASSES, FEATURES)
xl_all, yl_all = make_table(LABELLED, centers)
xu_all, _ = make_table(UNLABELLED, centers)
x_test, y_test = make_table(500, centers)

model = TabNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, nesterov=True)
scaler = torch.amp.GradScaler("cpu")

for it in range(300):
    li = torch.randint(0, LABELLED, (32,))
    ui = torch.randint(0, UNLABELLED, (96,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, supervised, used = ssl_loss(model, xl_all[li], yl_all[li], xu_all[ui])

    optimizer.zero_grad()
    scaler.scale(loss).backward()
    nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
    scaler.step(optimizer)
    scaler.update()

    if it % 50 == 0:
        with torch.no_grad():
            acc = (model(x_test).argmax(-1) == y_test).float().mean().item()
        print(f"iter {it:3d} loss {loss.item():.4f} sup {supervised.item():.4f} "
              f"mask {used.item():.2f} test acc {acc:.3f}")
