# expected: ok
# A GAN's generator step: the discriminator is frozen and still passes the gradient on.
import torch
import torch.nn.functional as F
from torch import nn

generator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))
discriminator = nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(), nn.Linear(8, 1))
wrt = generator


def loss():
    discriminator.requires_grad_(False)
    verdict = discriminator(generator(torch.randn(6, 2)))
    value = F.binary_cross_entropy_with_logits(verdict, torch.ones(6, 1))
    discriminator.requires_grad_(True)
    return value
