"""Small random changes of line images while training."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(
    images: Tensor, generator: torch.Generator, *, share: tuple[int, int] = (0, 1), total: int | None = None
) -> Tensor:
    """Slant, scale and shift each line a little, and vary its ink.

    Args:
        images: (N, 1, H, W) float, ink high, in [0, 1].
        generator: on the CPU; every draw comes from it.
        share, total: (r, w) where these are every w-th of `total` lines from r on: each is changed as it is there.
    Returns:
        (N, 1, H, W), same device and dtype.
    """
    count, _, height, width = images.shape

    def draw(low: float, high: float) -> Tensor:
        drawn = torch.rand(count if total is None else total, generator=generator)
        return low + (high - low) * drawn[share[0] :: share[1]]

    shear, angle = draw(-0.35, 0.35), draw(-math.pi / 180, math.pi / 180)
    scale_x, scale_y = draw(0.9, 1.15), draw(0.88, 1.12)
    shift_y, ink = draw(-0.12, 0.12), draw(0.75, 1.15)
    theta = torch.zeros(count, 2, 3)
    # grid_sample maps output to input in units of half the image, so shear and rotation carry the aspect ratio
    theta[:, 0, 0] = scale_x
    theta[:, 0, 1] = shear * height / width
    theta[:, 0, 2] = scale_x - 1  # keeps the left edge, where every line begins, in the picture
    theta[:, 1, 0] = torch.sin(angle) * width / height
    theta[:, 1, 1] = scale_y
    theta[:, 1, 2] = shift_y
    grid = F.affine_grid(theta, [count, 1, height, width], align_corners=False).to(images.device, images.dtype)
    warped = F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)
    return (warped * ink.to(images.device, images.dtype)[:, None, None, None]).clamp(0, 1)
