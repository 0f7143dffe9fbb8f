# open set domain adaptation: gradient reversal whose constant ramps from 0
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(17)


class GradReverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, lambd):
        ctx.lambd = lambd
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * -ctx.lambd, None


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(6, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU())
        self.classifier = nn.Linear(16, 3)
        self.domain = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x, constant=1.0):
        f = self.features(x)
        return self.classifier(f), self.domain(GradReverse.apply(f, constant)).squeeze(1)


def domain_batch(shift, n=32):
    y = torch.randint(0, 3, (n,))
    x = centers[y] + 0.4 * torch.randn(n, 6) + shift
    return x, y


centers = torch.randn(3, 6) * 1.5
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
grad_log = {}
net.features[0].weight.register_hook(lambda g: grad_log.__setitem__("stem", g.norm().item()))
total_steps = 40
for step in range(total_steps):
    p = step / total_steps
    constant = 2.0 / (1.0 + np.exp(-10 * p)) - 1
    xs, ys = domain_batch(0.0)
    xt, yt = domain_batch(0.7)
    logit, dom = net(torch.cat([xs, xt]), constant)
    cls_loss = F.cross_entropy(logit[:32], ys)
    dom_loss = F.binary_cross_entropy_with_logits(dom, torch.cat([torch.zeros(32), torch.ones(32)]))
    optimizer.zero_grad()
    (cls_loss + dom_loss).backward()
    optimizer.step()
    if step % 10 == 0:
        acc = (logit[32:].argmax(1) == yt).float().mean().item()
        print(f"{step} cls {cls_loss.item():.3f} dom {dom_loss.item():.3f} const {constant:.3f} "
              f"target acc {acc:.2f} stem grad {grad_log['stem']:.3f}")
