import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Function

torch.manual_seed(0)


class GradReverse(Function):
    @staticmethod
    def forward(ctx, x, lambd):
        ctx.lambd = lambd
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.lambd * grad, None


class Feature(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 8))

    def forward(self, x):
        return self.net(x)


class Predictor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 2)

    def forward(self, feat):
        return self.fc(feat)


class DomainDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(8, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, feat, lambd=1.0, reverse=False):
        if reverse:
            feat = GradReverse.apply(feat, lambd)
        return self.fc2(F.relu(self.fc1(feat))).squeeze(1)


def sample(n, target):
    y = torch.randint(0, 2, (n,))
    s = 2.0 * y.float() - 1
    x = 0.5 * torch.randn(n, 6)
    x[:, 0] += 1.5 * s
    x[:, 1] += 1.0 * s
    x[:, 2] -= 1.0 * s
    if target:
        x[:, 0] += 5.0
    return x, y


G, C, D = Feature(), Predictor(), DomainDiscriminator()
optimizer = torch.optim.Adam([*G.parameters(), *C.parameters(), *D.parameters()], lr=1e-3)
x_eval, y_eval = sample(1000, target=True)

for step in range(1200):
    xs, ys = sample(64, target=False)
    xt, _ = sample(64, target=True)
    feat_s, feat_t = G(xs), G(xt)
    class_loss = F.cross_entropy(C(feat_s), ys)

    domain_logit = D(torch.cat([feat_s, feat_t]), lambd=min(1.0, step / 600))
    domain = torch.cat([torch.zeros(64), torch.ones(64)])
    domain_loss = F.binary_cross_entropy_with_logits(domain_logit, domain)

    loss = class_loss + domain_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 200 == 199:
        with torch.no_grad():
            acc_t = (C(G(x_eval)).argmax(1) == y_eval).float().mean().item()
        acc_d = ((domain_logit > 0).float() == domain).float().mean().item()
        print(f"step {step + 1} class {class_loss.item():.4f} domain {domain_loss.item():.4f} "
              f"domain acc {acc_d:.3f} target acc {acc_t:.3f}")
