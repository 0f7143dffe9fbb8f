# expected: suspicious_shape
# A distance is read off a distribution over bins; the bound before the logarithm is larger than an even share.
import torch
from torch import nn

bins = 80
encoder, head = nn.Linear(6, 10), nn.Linear(10, 2 * bins)
wrt = nn.ModuleList([encoder, head])
rays, wanted = torch.randn(7, 6), torch.randint(0, bins, (7,))
soft = nn.functional.one_hot(wanted, bins).float() * 0.9 + 0.1 / bins


def loss():
    shares = head(encoder(rays).relu()).view(7, 2, bins).softmax(dim=-1)
    near = shares[:, 0]
    near = torch.clamp(near, min=0.02, max=0.98)  # <- suspicious_shape
    return -(soft * near.log()).sum(dim=1).mean()
