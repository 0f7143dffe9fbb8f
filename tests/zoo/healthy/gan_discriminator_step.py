# expected: ok
# A GAN's discriminator step: the generator's samples are detached on purpose.
import torch
import torch.nn.functional as F
from torch import nn

generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
discriminator = nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(), nn.Linear(8, 1))
wrt = discriminator


def loss():
    fake = generator(torch.randn(6, 2)).detach()
    real = torch.randn(6, 3)
    on_real = F.binary_cross_entropy_with_logits(discriminator(real), torch.ones(6, 1))
    on_fake = F.binary_cross_entropy_with_logits(discriminator(fake), torch.zeros(6, 1))
    return on_real + on_fake
