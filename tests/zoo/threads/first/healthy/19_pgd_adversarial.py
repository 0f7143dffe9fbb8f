import torch
import torch.nn as nn
import torch.nn.functional as F


def pgd(model, x, y, eps=0.1, alpha=0.04, steps=3):
    was_training = model.training
    model.eval()
    delta = torch.empty_like(x).uniform_(-eps, eps)
    for _ in range(steps):
        delta.requires_grad_(True)
        loss = F.cross_entropy(model(x + delta), y)
        grad, = torch.autograd.grad(loss, delta)
        delta = (delta.detach() + alpha * grad.sign()).clamp(-eps, eps)
    model.train(was_training)
    return (x + delta).detach().clamp(0, 1)


def trades_loss(model, x, y, beta=3.0):
    adv = pgd(model, x, y)
    clean = model(x)
    robust = F.kl_div(F.log_softmax(model(adv), 1), F.softmax(clean, 1), reduction="batchmean")
    return F.cross_entropy(clean, y) + beta * robust, robust


class SWA:
    def __init__(self, model):
        self.avg = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.n = 0

    def update(self, model):
        self.n += 1
        for k, v in model.state_dict().items():
            if v.is_floating_point():
                self.avg[k].add_((v - self.avg[k]) / self.n)


torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    nn.Linear(16, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.1, total_steps=5)
swa = SWA(model)
x, y = torch.rand(32, 1, 8, 8), torch.randint(0, 4, (32,))
model.train()
for step in range(5):
    loss, robust = trades_loss(model, x, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if step >= 2:
        swa.update(model)
    print(step, f"loss {loss.item():.4f} robust {robust.item():.4f}")
