# expected: axes_renamed
# Heads are cut off the features and stand in front of the times at once, as if reshape had moved them there.
import torch
from torch import nn

wrt = nn.ModuleDict({"into": nn.Linear(6, 18), "out": nn.Linear(6, 6)})
x, wanted = torch.randn(3, 5, 6), torch.randn(3, 5, 6)


def loss():
    batch, times, width = x.shape
    query, key, value = (
        part.reshape(batch * 2, times, width // 2)  # <- axes_renamed
        for part in wrt["into"](x).chunk(3, -1)
    )
    mixed = (query @ key.mT / 3**0.5).softmax(-1) @ value
    mixed = mixed.unflatten(0, (batch, 2)).transpose(1, 2).flatten(2)
    return (wrt["out"](mixed) - wanted).square().mean()
