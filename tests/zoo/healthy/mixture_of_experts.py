# expected: ok
# Top-2 routing: the experts are chosen by index, the weights carry the gradient; and a load-balancing loss.
import torch
import torch.nn.functional as F
from torch import nn


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.router = nn.Linear(6, 4)
        self.experts = nn.ModuleList(nn.Linear(6, 6) for _ in range(4))

    def forward(self, tokens):
        probability = self.router(tokens).softmax(-1)
        weight, chosen = probability.topk(2, dim=-1)
        weight = weight / weight.sum(-1, keepdim=True)
        output = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            row, slot = torch.where(chosen == number)
            if row.numel():
                output.index_add_(0, row, expert(tokens[row]) * weight[row, slot, None])
        share = F.one_hot(chosen, 4).float().mean((0, 1))
        return output, 4 * (share * probability.mean(0)).sum()


model = Experts()
wrt = model


def loss():
    tokens = torch.randn(24, 6)
    output, balance = model(tokens)
    return {"fit": (output - tokens.flip(0)).square().mean(), "balance": 0.01 * balance}
