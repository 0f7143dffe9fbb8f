from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class TrainArgs:
    k: int = 8
    width: int = 64
    lr: float = 0.02
    epochs: int = 10
    batch_size: int = 64
    gradient_clipping_norm: float = 1.0


class EnsembleScale(nn.Module):
    def __init__(self, k, d):
        super().__init__()
        self.weight = nn.Parameter(1 + 0.5 * torch.randn(k, d).sign())

    def forward(self, x):
        return x * self.weight


class LinearBatchEnsemble(nn.Module):
    def __init__(self, d_in, d_out, k):
        super().__init__()
        self.r, self.linear = EnsembleScale(k, d_in), nn.Linear(d_in, d_out, bias=False)
        self.s, self.bias = EnsembleScale(k, d_out), nn.Parameter(torch.zeros(k, d_out))

    def forward(self, x):
        return self.s(self.linear(self.r(x))) + self.bias


class TabModel(nn.Module):
    def __init__(self, d_in, args):
        super().__init__()
        self.k = args.k
        self.l1 = LinearBatchEnsemble(d_in, args.width, args.k)
        self.l2 = LinearBatchEnsemble(args.width, args.width, args.k)
        self.out = nn.Parameter(torch.randn(args.k, args.width, 1) * 0.1)

    def forward(self, x):
        x = x.unsqueeze(1).expand(-1, self.k, -1)
        h = F.relu(self.l2(F.relu(self.l1(x))))
        return torch.einsum("bkd,kdo->bko", h, self.out).squeeze(-1)


def loss_fn(y_pred, y_true):
    return F.mse_loss(y_pred.flatten(0, 1), y_true.repeat_interleave(y_pred.shape[-1]))


def make_table(n, d=10):
    x = torch.randn(n, d)
    y = x[:, 0] * x[:, 1] + torch.sin(2 * x[:, 2]) + 0.1 * torch.randn(n)
    heavy = torch.rand(n) < 0.03
    scale = y.std()
    y = torch.where(heavy, y + 60 * torch.randn(n), y)
    return x, y / scale


@torch.no_grad()
def mae(model, x, y):
    return (model(x).mean(1) - y).abs().mean().item()


def main():
    args = TrainArgs()
    torch.manual_seed(0)
    x, y = make_table(1000)
    train, val = (x[:800], y[:800]), (x[800:], y[800:])
    model = TabModel(x.size(1), args)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    for epoch in range(args.epochs):
        biggest = 0.0
        for idx in torch.randperm(len(train[0])).split(args.batch_size):
            model.train()
            optimizer.zero_grad()
            loss = loss_fn(model(train[0][idx]), train[1][idx])
            if args.gradient_clipping_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), args.gradient_clipping_norm)
            loss.backward()
            optimizer.step()
            biggest = max(biggest, loss.item())
        print(f"epoch {epoch:2d} last {loss.item():.4f} worst batch {biggest:.4f} val mae {mae(model, *val):.4f}")


if __name__ == "__main__":
    main()
