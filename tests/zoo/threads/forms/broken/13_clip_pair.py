import math
from dataclasses import dataclass
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


@dataclass
class PairOutput:
    loss: torch.Tensor
    logits: torch.Tensor


class Tower(nn.Module):
    def __init__(self, inputs, dim):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(inputs, 64), nn.GELU(), nn.Linear(64, dim))

    def forward(self, x):
        return F.normalize(self.net(x), dim=-1)


class PairModel(nn.Module):
    def __init__(self, left, right, dim=16):
        super().__init__()
        self.left, self.right = Tower(left, dim), Tower(right, dim)
        self.log_scale = nn.Parameter(torch.tensor(0.0))

    def temperature(self):
        return math.exp(min(self.log_scale, math.log(100.0)))

    def forward(self, a, b):
        logits = self.temperature() * torch.einsum("id,jd->ij", self.left(a), self.right(b))
        target = torch.arange(a.size(0))
        loss = 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.t(), target))
        return PairOutput(loss=loss, logits=logits)


to_left, to_right = torch.randn(8, 20), torch.randn(8, 30)


def pairs(n):
    hidden = torch.randn(n, 8)
    return hidden @ to_left + 0.1 * torch.randn(n, 20), hidden @ to_right + 0.1 * torch.randn(n, 30)


model = PairModel(20, 30)
decay = [p for n, p in model.named_parameters() if p.ndim > 1]
no_decay = [p for n, p in model.named_parameters() if p.ndim <= 1]
optim = torch.optim.AdamW(
    [{"params": decay, "weight_decay": 1e-2}, {"params": no_decay, "weight_decay": 0.0}], lr=3e-3)
for step in range(250):
    out = model(*pairs(64))
    optim.zero_grad()
    out.loss.backward()
    optim.step()
    if step % 50 == 0:
        hit = (out.logits.argmax(1) == torch.arange(64)).float().mean()
        print(f"{step} loss {out.loss.item():.3f} top1 {hit:.2f} scale {model.log_scale.exp().item():.2f}")
