# expected: ok
# The states of a recurrent layer and the second half of a split stay unread: nothing else is read in their place.
import torch
from torch import nn

wrt = nn.ModuleDict({"rnn": nn.GRU(6, 8, batch_first=True), "head": nn.Linear(8, 4), "gate": nn.Linear(8, 8)})
x, y = torch.randn(4, 5, 6), torch.randn(4, 2)


def loss():
    out, state = wrt["rnn"](x)
    value, gate = wrt["gate"](out).chunk(2, dim=-1)
    value = value * gate.sigmoid()
    mean, _ = wrt["head"](torch.cat([value, out[..., 4:]], dim=-1)[:, -1]).chunk(2, dim=-1)
    return (mean - y).square().mean() + 0.1 * mean.square().mean()
