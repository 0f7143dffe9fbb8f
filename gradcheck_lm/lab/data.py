"""Lines as batches: images kept as bytes, the order decided by a seed and a step alone, so that a run can resume."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gradcheck_lm.errors import DataError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNNConfig
from gradcheck_lm.htr.lines import Line, to_batch

KEPT = 4_000_000_000  # bytes of pixels held in memory; where lines have more, they are read each time they are taken


@dataclass(frozen=True)
class Batch:
    """images: (N, 1, H, W) float, ink high; texts: N labels, or None where there are none; indices into the data."""

    images: Tensor
    texts: list[str] | None
    indices: list[int]


class LineData:
    """Lines of one size, ready for a recogniser.

    Args:
        lines: pictures of lines, with or without labels.
        config: the recogniser's input size.
        charset: labels are checked against it at once, so that a run does not fail in its third hour.
        clean: drop characters that the charset lacks instead of raising.
        chunk: lines read at a time.
        kept: bytes that the pixels may take, a byte a pixel; where they would take more, lines are read whenever they
            are taken, so that a data set may be larger than the memory. Batches are the same bit for bit.
    Raises:
        DataError: no lines.
        CharsetError: a label with characters outside the charset.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        config: CRNNConfig,
        charset: Charset,
        *,
        clean: bool = False,
        chunk: int = 64,
        kept: int | None = None,
    ) -> None:
        if len(lines) == 0:
            raise DataError("no lines to work on: give a folder with images, or more synthetic lines")
        self.charset = charset
        texts = [line.text for line in lines]
        self.labelled = all(text is not None for text in texts)
        self.texts: list[str] = []
        for line, text in zip(lines, texts, strict=True):
            text = text or ""
            text = charset.clean(text) if clean else text
            try:
                charset.encode(text)
            except Exception as error:
                raise type(error)(f"{line.name}: {error}") from error
            self.texts.append(text)
        self.names = [line.name for line in lines]
        self.config = config
        self._lines: Sequence[Line] = lines
        self._pixels: Tensor | None = None
        self._order: tuple[tuple[int, int], Tensor] | None = None  # the epoch's permutation
        if len(lines) * config.height * config.width <= (KEPT if kept is None else kept):
            pixels = torch.empty(len(lines), 1, config.height, config.width, dtype=torch.uint8)
            for start in range(0, len(lines), chunk):
                part = range(start, min(start + chunk, len(lines)))
                pixels[start : part.stop] = self._read(part)
            self._pixels, self._lines = pixels, ()  # the pictures themselves are no longer needed

    def _read(self, indices: Sequence[int]) -> Tensor:
        # a byte a pixel: a fourth of the memory, and the rounding is finer than a scanner's noise
        return (to_batch([self._lines[i] for i in indices], self.config) * 255).round().to(torch.uint8)

    def pixels(self, indices: Sequence[int]) -> Tensor:
        """Pictures as (N, 1, H, W) uint8, ink high."""
        if self._pixels is None:
            return self._read(indices)
        return self._pixels[torch.tensor(list(indices), dtype=torch.long)]

    def first(self, count: int) -> LineData:
        """The first `count` lines, at least one; nothing is copied."""
        part, count = copy.copy(self), max(1, count)
        part.texts, part.names = self.texts[:count], self.names[:count]
        part._pixels = None if self._pixels is None else self._pixels[:count]
        return part

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Sequence[int], device: torch.device | str = "cpu") -> Batch:
        """A batch of the named lines."""
        picked = list(indices)
        images = self.pixels(picked).to(device).float() / 255
        return Batch(images, [self.texts[i] for i in picked] if self.labelled else None, picked)

    def batch(
        self, step: int, size: int, *, seed: int, rank: int = 0, world: int = 1, device: torch.device | str = "cpu"
    ) -> Batch:
        """The batch of a step: each epoch is a permutation by (seed, epoch), of which each process takes its share."""
        size = min(size, len(self))
        per_epoch = len(self) // size
        epoch, place = divmod(step, per_epoch)
        key = (seed * 1_000_003 + epoch, len(self))
        if self._order is None or self._order[0] != key:  # once an epoch: a step's cost must not grow with the lines
            self._order = key, torch.randperm(len(self), generator=torch.Generator().manual_seed(key[0]))
        picked = self._order[1][place * size : (place + 1) * size].tolist()
        return self.take(picked[rank::world], device)

    def chunks(self, size: int = 32, device: torch.device | str = "cpu"):
        """All lines in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.take(range(start, min(start + size, len(self))), device)
