"""Stronger random changes of line images while training: bent lines, strips painted over, ink blots."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from gradcheck_lm.lab.lines.buckets import inked_columns
from gradcheck_lm.lab.machine.devices import sent

STRIPS, BLOTS = 4, 3  # places for them in a line; how many are used is drawn
FEWEST_STRIPS = 2
STRIP_WIDTH = (10, 40)  # columns, of lines 64 pixels high; less where a line is narrow
BLOT_RADIUS = (0.04, 0.12)  # of the height
BEND = 1.5  # pixels, standard deviation of how far a knot of the grid is moved
KNOTS = 32  # pixels between two knots of the grid
FARTHEST = 3.0  # standard deviations that a knot is moved at most


@dataclass(frozen=True)
class Masks:
    """What is done to each line of a batch, on the CPU, (N, ...) float: `strips` (N, STRIPS, 2) place in [0, 1] of the
    line's ink and width in columns, 0 where there is none; `blots` (N, BLOTS, 4) place along the ink, place down the
    height, radius in heights, 0 where there is none, and darkness; `bend` (N, 2, rows, columns) pixels that the knots
    of a grid are moved by, along and down."""

    strips: Tensor
    blots: Tensor
    bend: Tensor

    def share(self, rank: int, world: int) -> Masks:
        """Those of every `world`-th line from `rank` on."""
        return Masks(**{field.name: getattr(self, field.name)[rank::world] for field in fields(self)})

    def apply(self, images: Tensor) -> Tensor:
        """The changed pictures; nothing is painted to the right of a line's ink.

        Args:
            images: (N, 1, H, W) float, ink high, paper 0.
        Returns:
            (N, 1, H, W), same device and dtype.
        """
        bent = self._bent(images)
        _, _, height, width = bent.shape
        device = bent.device
        inked = inked_columns(bent).float()[:, None, None]
        strips, blots = sent(self.strips, device), sent(self.blots, device)
        columns = torch.arange(width, device=device, dtype=torch.float32)
        rows = torch.arange(height, device=device, dtype=torch.float32)
        # a strip that would hide more than an eighth of a short line is narrowed
        wide = torch.minimum(strips[..., 1:], inked / 8)
        from_left = columns - strips[..., :1] * (inked - wide)
        hidden = ((from_left >= 0) & (from_left < wide)).any(1)  # (N, W)
        across = (columns - blots[..., :1] * inked)[:, :, None, :] / height
        down = (rows / height - blots[..., 1:2])[:, :, :, None]
        radius, dark = blots[..., 2, None, None], blots[..., 3, None, None]
        ink = dark * (1.5 * (1 - (across**2 + down**2) / radius.clamp_min(1e-6) ** 2)).clamp(0, 1)
        ink = torch.where((radius > 0) & (columns < inked[..., None]), ink, 0.0).amax(1)[:, None]
        return torch.maximum(bent.masked_fill(hidden[:, None, None], 0.0), ink.to(bent.dtype))

    def _bent(self, images: Tensor) -> Tensor:
        count, _, height, width = images.shape
        moved = F.interpolate(sent(self.bend, images.device), (height, width), mode="bicubic", align_corners=True)
        straight = torch.eye(2, 3).expand(count, 2, 3)
        grid = F.affine_grid(sent(straight.contiguous(), images.device), [count, 1, height, width], align_corners=False)
        # the grid counts in halves of the picture
        shift = moved.movedim(1, -1) * torch.tensor([2 / width, 2 / height], device=images.device)
        return F.grid_sample(images, (grid + shift).to(images.dtype), padding_mode="zeros", align_corners=False)

    @property
    def reach(self) -> Tensor:
        """(N,) whole columns by which bending may widen a line."""
        # bicubic interpolation overshoots the knots by less than a quarter of what they are apart
        return (1.5 * self.bend[:, 0].abs().amax((1, 2))).ceil().long() + 1


def draw_masks(count: int, height: int, width: int, generator: torch.Generator) -> Masks:
    """Masks of `count` lines of `height` x `width` pixels; every draw comes from the generator, which is on the CPU."""

    def draw(low: float, high: float, *size: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *size, generator=generator)

    used = torch.randint(FEWEST_STRIPS, STRIPS + 1, (count, 1), generator=generator)
    strips = torch.stack([draw(0, 1, STRIPS), draw(*STRIP_WIDTH, STRIPS) * height / 64], -1)
    strips[..., 1] *= torch.arange(STRIPS) < used
    used = torch.randint(0, BLOTS + 1, (count, 1), generator=generator)
    blots = torch.stack([draw(0, 1, BLOTS), draw(0, 1, BLOTS), draw(*BLOT_RADIUS, BLOTS), draw(0.4, 1, BLOTS)], -1)
    blots[..., 2] *= torch.arange(BLOTS) < used
    knots = (height // KNOTS + 1, width // KNOTS + 1)
    bend = torch.randn(count, 2, *knots, generator=generator).clamp(-FARTHEST, FARTHEST) * BEND * height / 64
    return Masks(strips, blots, bend)
