import math
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(20)


class FunLSQ(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, alpha, g, Qn, Qp):
        ctx.save_for_backward(weight, alpha)
        ctx.other = g, Qn, Qp
        q_w = (weight / alpha).round().clamp(Qn, Qp)
        return q_w * alpha

    @staticmethod
    def backward(ctx, grad_weight):
        weight, alpha = ctx.saved_tensors
        g, Qn, Qp = ctx.other
        q_w = weight / alpha
        indicate_small = (q_w < Qn).float()
        indicate_big = (q_w > Qp).float()
        indicate_middle = 1.0 - indicate_small - indicate_big
        grad_alpha = ((indicate_small * Qn + indicate_big * Qp +
                       indicate_middle * (-q_w + q_w.round())) * grad_weight * g).sum().unsqueeze(dim=0)
        return grad_weight, grad_alpha, None, None, None


class ActLSQ(nn.Module):
    def __init__(self, nbits=2):
        super().__init__()
        self.Qn, self.Qp = 0, 2 ** nbits - 1
        self.alpha = nn.Parameter(torch.tensor([0.5]))

    def forward(self, x):
        g = 1.0 / math.sqrt(x.numel() * self.Qp)
        return FunLSQ.apply(x, self.alpha, g, self.Qn, self.Qp)


class LinearLSQ(nn.Linear):
    def __init__(self, in_features, out_features, nbits_w=3):
        super().__init__(in_features, out_features)
        self.Qn, self.Qp = -2 ** (nbits_w - 1), 2 ** (nbits_w - 1) - 1
        self.alpha = nn.Parameter(2 * self.weight.detach().abs().mean().view(1) / math.sqrt(self.Qp))

    def forward(self, x):
        g = 1.0 / math.sqrt(self.weight.numel() * self.Qp)
        return F.linear(x, FunLSQ.apply(self.weight, self.alpha, g, self.Qn, self.Qp), self.bias)


model = nn.Sequential(nn.Linear(10, 32), ActLSQ(), LinearLSQ(32, 32), ActLSQ(), nn.Linear(32, 4))
centers = torch.randn(4, 10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for it in range(301):
    y = torch.randint(0, 4, (64,))
    x = centers[y] + 0.7 * torch.randn(64, 10)
    logits = model(x)
    loss = F.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 60 == 0:
        print("it %d loss %.4f acc %.3f alphas %s" % (
            it, loss.item(), (logits.argmax(1) == y).float().mean().item(),
            [round(m.alpha.item(), 4) for m in model if hasattr(m, 'alpha')]))
