import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(27)


class RoundSTE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, levels):
        ctx.save_for_backward((x.abs() <= 1).to(x.dtype))
        return torch.round(x.clamp(-1, 1) * levels) / levels

    @staticmethod
    def backward(ctx, grad_out):
        inside, = ctx.saved_tensors
        return grad_out * inside, None


class CatEmbedding(nn.Module):
    def __init__(self, cards, dim):
        super().__init__()
        self.register_buffer("offsets", torch.tensor([0] + cards[:-1]).cumsum(0))
        self.emb = nn.Embedding(sum(cards), dim)

    def forward(self, x):
        return self.emb(x + self.offsets).flatten(1)


class MultiTaskTabular(nn.Module):
    def __init__(self, n_num, cards, dim=6, width=64):
        super().__init__()
        self.cats = CatEmbedding(cards, dim)
        self.norm = nn.BatchNorm1d(n_num)
        self.trunk = nn.Sequential(nn.Linear(n_num + dim * len(cards), width), nn.SiLU(),
                                   nn.Linear(width, 24))
        self.reg_head = nn.Linear(24, 1)
        self.cls_head = nn.Linear(24, 4)
        self.count_head = nn.Linear(24, 1)
        # the count head starts at the marginal rate
        nn.init.zeros_(self.count_head.weight)

    def forward(self, num, cat):
        h = self.trunk(torch.cat([self.norm(num), self.cats(cat)], 1))
        code = RoundSTE.apply(torch.tanh(h), 8)
        return self.reg_head(code).squeeze(1), self.cls_head(code), self.count_head(code).squeeze(1)


class UncertaintyLoss(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.log_vars = nn.Parameter(torch.zeros(n))

    def forward(self, losses):
        losses = torch.stack(losses)
        return (torch.exp(-self.log_vars) * losses + 0.5 * self.log_vars).sum()


def synth(n):
    num = torch.randn(n, 5) * torch.tensor([1.0, 20.0, 0.1, 5.0, 1.0]) + torch.tensor([0., 50., 0., -3., 2.])
    cat = torch.stack([torch.randint(0, c, (n,)) for c in CARDS], 1)
    z = torch.stack([num[:, 0], (num[:, 1] - 50) / 20, num[:, 2] * 10], 1)
    eff = E0[cat[:, 0]] + E1[cat[:, 1]]
    reg = 10 * (z[:, 0] * z[:, 1] + eff + 0.2 * torch.randn(n))
    cls = torch.stack([z[:, 0], z[:, 1], z[:, 2], eff], 1).argmax(1)
    count = torch.poisson(torch.exp(0.4 * z[:, 0] + 0.3 * eff))
    return num, cat, reg, cls, count


CARDS = [7, 11]
E0, E1 = torch.randn(7), torch.randn(11)
train, test = synth(3000), synth(800)
model, weighting = MultiTaskTabular(5, CARDS), UncertaintyLoss(3)
opt = torch.optim.AdamW([{"params": model.parameters(), "lr": 4e-3, "weight_decay": 1e-4},
                         {"params": weighting.parameters(), "lr": 2e-2, "weight_decay": 0.0}])


def task_losses(batch):
    num, cat, reg, cls, count = batch
    r, c, k = model(num, cat)
    return [F.mse_loss(r, reg), F.cross_entropy(c, cls), F.poisson_nll_loss(k, count)]


for epoch in range(12):
    model.train()
    for idx in torch.randperm(3000).split(100):
        loss = weighting(task_losses([t[idx] for t in train]))
        opt.zero_grad()
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad():
        vals = [round(l.item(), 4) for l in task_losses(test)]
    print(f"epoch {epoch} total {loss.item():.4f} test reg/cls/count {vals} "
          f"log_vars {[round(v, 2) for v in weighting.log_vars.tolist()]}")
