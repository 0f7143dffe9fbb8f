import torch
import torch.nn as nn
import torch.nn.functional as F


class UncertaintyWeight(nn.Module):
    def __init__(self, num_tasks):
        super().__init__()
        self.uncertainty_weight = nn.Parameter(torch.ones(num_tasks))

    def forward(self, losses):
        total = 0.0
        for i, loss in enumerate(losses):
            w = self.uncertainty_weight[i]
            total = total + loss / (2 * w ** 2) + torch.log(w)
        return total


class Tower(nn.Module):
    def __init__(self, d_in, hidden=16):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d_in, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


class MMoE(nn.Module):
    def __init__(self, d_in=12, experts=3, d_exp=24, tasks=3):
        super().__init__()
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(d_in, d_exp), nn.ReLU()) for _ in range(experts)])
        self.gates = nn.ModuleList([nn.Linear(d_in, experts, bias=False) for _ in range(tasks)])
        self.towers = nn.ModuleList([Tower(d_exp) for _ in range(tasks)])

    def forward(self, x):
        e = torch.stack([ex(x) for ex in self.experts], dim=1)
        out = []
        for gate, tower in zip(self.gates, self.towers):
            out.append(tower((gate(x).softmax(-1).unsqueeze(-1) * e).sum(1)))
        return out


class LogGenerator:
    def __init__(self, seed=0):
        g = torch.Generator().manual_seed(seed)
        self.w = torch.randn(2, 12, generator=g)

    def __call__(self, n):
        x = torch.randn(n, 12)
        click = (torch.rand(n) < torch.sigmoid(x @ self.w[0])).float()
        buy = click * (torch.rand(n) < torch.sigmoid(x @ self.w[1] - 1)).float()
        dwell = 0.3 * x[:, 0] - 0.2 * x[:, 1] + 0.1 * torch.randn(n)
        return x, click, buy, dwell


def task_losses(outputs, batch):
    _, click, buy, dwell = batch
    return [
        F.binary_cross_entropy_with_logits(outputs[0], click),
        F.binary_cross_entropy_with_logits(outputs[1], buy),
        F.mse_loss(outputs[2], dwell),
    ]


def main():
    torch.manual_seed(0)
    gen = LogGenerator()
    model, weighting = MMoE(), UncertaintyWeight(3)
    opt = torch.optim.SGD([*model.parameters(), *weighting.parameters()], lr=0.04, momentum=0.9)
    for step in range(91):
        batch = gen(128)
        losses = task_losses(model(batch[0]), batch)
        loss = weighting(losses)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 10 == 0:
            shown = " ".join(f"{l.item():.4f}" for l in losses)
            print(f"step {step:3d} total {loss.item():8.3f} ctr/cvr/dwell {shown} w {[round(v, 3) for v in weighting.uncertainty_weight.tolist()]}")


if __name__ == "__main__":
    main()
