"""Lines of similar width in one batch: who sits with whom, and how wide a batch must be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.crnn import CRNNConfig


def frames_needed(text: str) -> int:
    """Frames that CTC needs to write a text: one a character, and one between equal neighbours."""
    return len(text) + sum(a == b for a, b in pairwise(text))


def inked_columns(pixels: Tensor) -> Tensor:
    """How many columns, from the left, hold all the ink of each line.

    Args:
        pixels: (N, 1, H, W), ink high, paper 0.
    Returns:
        (N,) whole numbers, 0 to W.
    """
    columns = torch.arange(1, pixels.shape[-1] + 1, device=pixels.device)
    return torch.where(pixels.amax((1, 2)) > 0, columns, 0).amax(1)


def check_buckets(buckets: int, lines: int) -> None:
    """Raise ArgumentError where lines cannot be sorted into so many buckets."""
    if buckets < 0 or buckets > lines:
        raise ArgumentError(
            f"buckets is {buckets} for {lines} lines; give 0 for batches of one width, or a number from 1 to the "
            "number of lines, such as 8"
        )


def bucketed(order: Tensor, widths: Tensor, *, buckets: int, size: int, generator: torch.Generator) -> Tensor:
    """An epoch's order, rearranged so that the lines of a batch are of similar width; every line keeps its epoch.

    Lines are sorted by width into buckets of equal size. Within a bucket they stay in the epoch's random order and fill
    batches; what is left over from all buckets fills the others, narrow lines first. The batches come in random order.

    Args:
        order: indices of the epoch's lines, a multiple of `size` of them.
        widths: of all lines, by index.
        generator: decides the order of the batches.
    Returns:
        The same indices.
    """
    number = torch.empty(len(widths), dtype=torch.long)
    number[widths.argsort(stable=True)] = torch.arange(len(widths)) * buckets // len(widths)
    batches: list[Tensor] = []
    left: list[Tensor] = []
    for bucket in range(buckets):
        members = order[number[order] == bucket]
        full = len(members) // size * size
        batches += members[:full].split(size) if full else []
        left.append(members[full:])
    rest = torch.cat(left)
    batches += rest.split(size) if len(rest) else []
    return torch.cat([batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()])


def batch_width(inked: Tensor, texts: Sequence[str], config: CRNNConfig) -> int:
    """The narrowest picture that holds all the ink of a batch and gives CTC a frame for everything in its labels.

    Args:
        inked: (N,) columns that hold each line's ink.
        texts: N labels; "" where there is none.
    Returns:
        Pixels, a multiple of the columns per frame, at most the recogniser's own width.
    """
    step = config.columns_per_frame
    frames = max(1, -(-int(inked.max()) // step), *map(frames_needed, texts))
    return min(frames * step, config.width)
