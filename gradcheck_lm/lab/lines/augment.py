"""Small random changes of line images while training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gradcheck_lm.lab.machine.devices import sent


@dataclass(frozen=True)
class Changes:
    """What happens to each line of a batch, (N,) float on the CPU each; slant and turn in radians, shift in halves of
    the height, the others are factors."""

    shear: Tensor
    angle: Tensor
    scale_x: Tensor
    scale_y: Tensor
    shift_y: Tensor
    ink: Tensor

    def share(self, rank: int, world: int) -> Changes:
        """Those of every `world`-th line from `rank` on."""
        return Changes(**{name: value[rank::world] for name, value in vars(self).items()})

    def apply(self, images: Tensor) -> Tensor:
        """The changed pictures.

        Args:
            images: (N, 1, H, W) float, ink high, in [0, 1].
        Returns:
            (N, 1, H, W), same device and dtype.
        """
        count, _, height, width = images.shape
        theta = torch.zeros(count, 2, 3)
        # grid_sample maps output to input in units of half the image, so shear and rotation carry the aspect ratio
        theta[:, 0, 0] = self.scale_x
        theta[:, 0, 1] = self.shear * height / width
        theta[:, 0, 2] = self.scale_x - 1  # keeps the left edge, where every line begins, in the picture
        theta[:, 1, 0] = torch.sin(self.angle) * width / height
        theta[:, 1, 1] = self.scale_y
        theta[:, 1, 2] = self.shift_y
        # on the images' device: a grid is eight times as large as its picture's bytes, and would have to travel there
        grid = F.affine_grid(sent(theta, images.device), [count, 1, height, width], align_corners=False).to(
            images.dtype
        )
        warped = F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)
        return (warped * sent(self.ink.to(images.dtype), images.device)[:, None, None, None]).clamp(0, 1)

    def reach(self, widths: Tensor, height: int) -> Tensor:
        """Columns that hold all of a line's ink once it is changed: what lies to the right of them is 0.

        Args:
            widths: (N,) columns that hold it now.
            height: H of the pictures, in pixels.
        Returns:
            (N,) whole numbers; they may exceed the picture.
        """
        slanted = widths.double() + 0.5 + self.shear.double().abs() * height / 2
        # one more: the grid is made in float32, and a place may be rounded into the next column
        return (slanted / self.scale_x.double() - 0.5).ceil().long() + 1


def draw_changes(count: int, generator: torch.Generator) -> Changes:
    """Changes of `count` lines; every draw comes from the generator, which is on the CPU."""

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    shear, angle = draw(-0.35, 0.35), draw(-math.pi / 180, math.pi / 180)
    scale_x, scale_y = draw(0.9, 1.15), draw(0.88, 1.12)
    shift_y, ink = draw(-0.12, 0.12), draw(0.75, 1.15)
    return Changes(shear, angle, scale_x, scale_y, shift_y, ink)


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
    return draw_changes(len(images) if total is None else total, generator).share(*share).apply(images)
