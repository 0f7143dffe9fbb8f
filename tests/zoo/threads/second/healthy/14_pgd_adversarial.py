import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(13)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.fc = nn.Linear(8 * 16, 32)

    def forward(self, x):
        return F.relu(self.fc(F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1)))


backbone = Backbone()
head = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))
# the stem stays at its pretrained weights
for p in backbone.conv.parameters():
    p.requires_grad = False


def model(x):
    return head(backbone(x))


def pgd_attack(x, y, eps=0.1, step=0.04, iters=3):
    x_adv = x.detach() + torch.empty_like(x).uniform_(-eps, eps)
    for _ in range(iters):
        x_adv.requires_grad_(True)
        loss = F.cross_entropy(model(x_adv), y)
        grad = torch.autograd.grad(loss, x_adv)[0]
        x_adv = x_adv.detach() + step * grad.sign()
        x_adv = torch.min(torch.max(x_adv, x - eps), x + eps).clamp(0, 1)
    return x_adv.detach()


def smooth_ce(logits, y, smoothing=0.1):
    n = logits.size(1)
    target = torch.full_like(logits, smoothing / (n - 1))
    target.scatter_(1, y.unsqueeze(1), 1.0 - smoothing)
    return -(target * F.log_softmax(logits, dim=1)).sum(dim=1).mean()


y = torch.randint(0, 4, (64,))
x = 0.4 * torch.rand(64, 1, 8, 8)
for i, c in enumerate(y.tolist()):
    r, s = divmod(c, 2)
    x[i, 0, 4 * r:4 * r + 4, 4 * s:4 * s + 4] += 0.5

params = [p for p in [*backbone.parameters(), *head.parameters()] if p.requires_grad]
optimizer = torch.optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=5e-4)
for step in range(6):
    x_adv = pgd_attack(x, y)
    logits_nat, logits_adv = model(x), model(x_adv)
    loss = smooth_ce(logits_nat, y) + F.kl_div(F.log_softmax(logits_adv, 1), F.softmax(logits_nat, 1),
                                               reduction="batchmean")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    acc = (logits_adv.argmax(1) == y).float().mean()
    print(f"step {step} loss {loss.item():.4f} robust acc {acc.item():.3f}")
