# expected: ok
# One number beside a value for each sample, as it is meant: what leaves one out, an advantage, a mean, a learnt total.
import torch
from torch import nn

wrt = nn.ModuleDict({"value": nn.Linear(4, 1), "policy": nn.Linear(4, 1), "flow": nn.Linear(6, 6)})
wrt.scale = nn.Parameter(torch.randn(6))
x = torch.randn(6, 4)


def loss():
    values, scores = wrt["value"](x).squeeze(-1), wrt["policy"](x).squeeze(-1)
    others = (values.sum() - values) / 5
    advantage = values - (scores.softmax(0) * values).sum()
    centred = scores - sum(values) / 6
    density = values + wrt.scale.tanh().sum()  # six scales, and six samples by chance
    total = sum([values, scores])  # two vectors, not the entries of one
    code = wrt["flow"](x.sum(-1)).square().mean()
    return (others.square() + advantage.square() + centred.square() + density.square() + total).mean() + code
