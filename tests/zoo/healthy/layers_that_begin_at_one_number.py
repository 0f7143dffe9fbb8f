# expected: ok
# One number where it does no harm: before random readers, behind random weights, with dropout between, in one unit.
import torch
from torch import nn

torch.manual_seed(0)
first = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
last = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
broken_up = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 3))
single = nn.Sequential(nn.Linear(4, 1), nn.Linear(1, 3))
wrt = nn.ModuleList([first, last, broken_up, single])
for layer in (first[0], last[2], broken_up[0], broken_up[2], single[0], single[1]):
    nn.init.constant_(layer.weight, 0.1)
x, labels = torch.randn(5, 4), torch.tensor([0, 1, 1, 2, 1])


def loss():
    return sum(nn.functional.cross_entropy(part(x), labels) for part in wrt)
