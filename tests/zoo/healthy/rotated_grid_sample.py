# expected: ok
# A spatial transformer: the grid is learnt, sampling is differentiable in it.
import torch
import torch.nn.functional as F
from torch import nn

locate = nn.Linear(9 * 9, 6)
nn.init.normal_(locate.weight, std=0.01)
locate.bias.data.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))
wrt = locate


def loss():
    image = torch.rand(3, 1, 9, 9)
    theta = locate(image.flatten(1)).view(3, 2, 3)
    warped = F.grid_sample(image, F.affine_grid(theta, image.shape, align_corners=False), align_corners=False)
    return (warped - image.roll(1, -1)).square().mean()
