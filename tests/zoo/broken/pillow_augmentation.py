# expected: integer_cast left_torch new_leaf
# Generated images are rotated with Pillow before the discriminator sees them.
import numpy
import torch
from PIL import Image
from torch import nn

generator = nn.Sequential(nn.Linear(4, 64), nn.Sigmoid())
discriminator = nn.Linear(64, 1)
wrt = generator


def augment(batch):
    pictures = []
    for picture in (batch.view(-1, 8, 8) * 255).to(torch.uint8).numpy():  # <- integer_cast left_torch
        turned = Image.fromarray(picture).rotate(15, resample=Image.Resampling.BILINEAR)
        pictures.append(numpy.asarray(turned, dtype=numpy.float32) / 255)
    return torch.from_numpy(numpy.stack(pictures)).flatten(1)  # <- new_leaf


def loss():
    fake = generator(torch.randn(3, 4))
    return nn.functional.softplus(-discriminator(augment(fake))).mean()
