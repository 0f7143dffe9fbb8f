# expected: discrete_op
# Points are drawn along a ray where its density is high: searchsorted gives positions in the table, not between them.
import torch
from torch import nn

density, colour = nn.Linear(1, 1), nn.Linear(1, 3)
wrt = {"density": density, "colour": colour}


def loss():
    depth = torch.linspace(0, 1, 16)[:, None]
    weight = density(depth).squeeze(-1).softmax(-1)
    places = torch.searchsorted(weight.cumsum(-1), torch.rand(8))  # <- discrete_op
    return colour(depth[places.clamp(max=15)]).square().mean()
