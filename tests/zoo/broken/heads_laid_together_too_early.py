# expected: axes_renamed
# The heads are laid together without being moved behind the times first: each step gets parts of other steps.
import torch
from torch import nn

wrt = nn.ModuleDict({"into": nn.Linear(6, 18), "out": nn.Linear(6, 6)})
x, wanted = torch.randn(3, 5, 6), torch.randn(3, 5, 6)


def loss():
    query, key, value = wrt["into"](x).unflatten(-1, (3, 2, 3)).permute(2, 0, 3, 1, 4)
    mixed = nn.functional.scaled_dot_product_attention(query, key, value)
    together = mixed.reshape(x.shape)  # <- axes_renamed
    return (wrt["out"](together) - wanted).square().mean()
