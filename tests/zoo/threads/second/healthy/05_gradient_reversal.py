import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Function

torch.manual_seed(4)


class ReverseLayerF(Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * ctx.alpha, None


class DANN(nn.Module):
    def __init__(self):
        super().__init__()
        self.feature = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU())
        self.class_classifier = nn.Linear(16, 3)
        self.domain_classifier = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x, alpha):
        f = self.feature(x)
        return self.class_classifier(f), self.domain_classifier(ReverseLayerF.apply(f, alpha))


src_x = torch.randn(96, 6)
src_y = src_x[:, :3].argmax(dim=1)
tgt_x = torch.randn(96, 6) * 1.2 + 0.7

model = DANN()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
n_epoch, n_batch = 2, 3

for epoch in range(n_epoch):
    for i in range(n_batch):
        p = float(i + epoch * n_batch) / n_epoch / n_batch
        alpha = 2.0 / (1.0 + math.exp(-10 * p)) - 1
        xs, ys = src_x[i * 32:(i + 1) * 32], src_y[i * 32:(i + 1) * 32]
        xt = tgt_x[i * 32:(i + 1) * 32]

        class_out, dom_s = model(xs, alpha)
        err_label = F.cross_entropy(class_out, ys)
        err_s = F.cross_entropy(dom_s, torch.zeros(32, dtype=torch.long))
        _, dom_t = model(xt, alpha)
        err_t = F.cross_entropy(dom_t, torch.ones(32, dtype=torch.long))

        loss = err_label + err_s + err_t
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"epoch {epoch} [{i}] label {err_label.item():.4f} src {err_s.item():.4f} tgt {err_t.item():.4f}")
