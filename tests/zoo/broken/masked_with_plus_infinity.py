# expected: non_finite
# thread: lucidrains/memory-compressed-attention#2
# The causal mask fills what is forbidden with minus minus infinity.
import torch
from torch import nn

wrt = nn.Linear(6, 18)
inputs = torch.randn(2, 5, 6)


def loss():
    query, key, value = wrt(inputs).chunk(3, dim=-1)
    scores = query @ key.transpose(1, 2)
    following = torch.ones(5, 5, dtype=torch.bool).triu(1)
    scores = scores.masked_fill(following, -float("-inf"))  # <- non_finite
    return (scores.softmax(-1) @ value).square().mean()
