# expected: ok
# The same bins with a bound that only guards the logarithm, and two classes held apart from 0 and 1 on purpose.
import torch
from torch import nn

bins = 80
encoder, head, sides = nn.Linear(6, 10), nn.Linear(10, 2 * bins), nn.Linear(10, 2)
wrt = nn.ModuleList([encoder, head, sides])
rays, wanted = torch.randn(7, 6), torch.randint(0, bins, (7,))
soft = nn.functional.one_hot(wanted, bins).float() * 0.9 + 0.1 / bins


def loss():
    hidden = encoder(rays).relu()
    shares = head(hidden).view(7, 2, bins).softmax(dim=-1)
    near = torch.clamp(shares[:, 0], min=1e-6, max=1.0)
    side = sides(hidden).softmax(dim=-1).clamp(0.05, 0.95)
    return -(soft * near.log()).sum(dim=1).mean() - side[:, 0].log().mean()
